#pragma once

#include <string>

#include "flags.h"

namespace headroom::cli {

/// `headroom -h`: what it is, the commands, three examples; one screen.
std::string overview();

/// `headroom COMMAND -h`: its flags in one line each, three examples; one screen.
std::string short_help(const CommandInfo& command);

/// `headroom COMMAND --help`: every flag with its default, environment variable and key.
std::string long_help(const CommandInfo& command);

/// docs/reference/cli.md. A test compares the file with it.
std::string reference_page();

/// A completion script. Throws UsageError for a shell other than bash, zsh and fish.
std::string completions(const std::string& shell);

}  // namespace headroom::cli
