#pragma once

#include <string>

#include "commands.h"
#include "run/journal.h"

namespace headroom::cli {

/// What makes the terminal on standard output show an item's pictures, as --pictures says or the
/// terminal is known to take them; empty when it is none, takes none, or --ascii or --color never
/// was given. What is large is sent reduced (report::kMaxPictureSide). A picture that cannot be
/// read is left out: its path is shown anyway.
std::string pictures_shown(Context& context,
                           const run::JournalReader& journal,
                           const std::string& id);

}  // namespace headroom::cli
