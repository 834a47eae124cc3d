#pragma once

#include <string>

#include "commands.h"
#include "run/journal.h"

namespace headroom::cli {

/// What makes the terminal on standard output show an item's pictures; empty when it is none, takes
/// none, or --ascii or --color never was given. A picture that cannot be read is left out: its path
/// is shown anyway.
std::string pictures_shown(Context& context,
                           const run::JournalReader& journal,
                           const std::string& id);

}  // namespace headroom::cli
