#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace headroom::cli {

/// What a flag's value looks like. A switch has none; a counted switch may be given several times.
enum class FlagType { kSwitch, kCounted, kText, kTexts, kInteger, kNumber, kChoice };

/// The commands as bits, so that one row says where a flag belongs.
enum Command : unsigned {
  kVqa = 1U << 0U,
  kResume = 1U << 1U,
  kRuns = 1U << 2U,
  kShow = 1U << 3U,
  kPlan = 1U << 4U,
  kDoctor = 1U << 5U,
  kVerify = 1U << 6U,
  kCompletions = 1U << 7U,
  kReference = 1U << 8U,
  kModels = 1U << 9U,
  kContext = 1U << 10U,
  kDescribe = 1U << 11U,
  kSetup = 1U << 16U,
};

/// One row of the table of flags: it makes the parser, both help texts, the reference page, the
/// completions, the environment variable and the configuration key.
struct Flag {
  std::string_view name;   ///< kebab-case, without dashes; snake_case is accepted as well
  char letter;             ///< short form, 0 for none
  std::string_view alias;  ///< second long name, empty for none
  FlagType type;
  std::string_view value;   ///< placeholder in help, "N|A-B"; of a choice: "a|b|c"
  std::string_view preset;  ///< default as text, empty for none
  std::string_view help;    ///< one sentence without a full stop
  unsigned commands;        ///< union of Command bits
  /// Has neither a variable nor a key: its name means something else elsewhere.
  bool command_line_only = false;
  bool seldom = false;  ///< left out of the short help
};

/// In the order of the help texts. A name may have several rows, each for other commands. The rows
/// never change while the program runs.
std::span<const Flag> flags();

/// The row called `name` (kebab-case, its long name alone) of that command; null when the command
/// has no such flag. Throws InternalError when no command has.
const Flag* flag(std::string_view name, Command command);

/// One row of the table of commands.
struct CommandInfo {
  Command bit;
  std::string_view name;
  std::string_view positionals;  ///< "RUN", "MODEL GOLDEN"; a trailing "?" makes one optional
  std::string_view summary;
  bool hidden;
};

std::span<const CommandInfo> commands();

/// Empty when there is none of that name.
const CommandInfo* find_command(std::string_view name);

/// "HEADROOM_MAX_TOKENS" for "max-tokens".
std::string environment_name(const Flag& flag);

/// "max-tokens" for "max_tokens", "--max_tokens" and "max-tokens".
std::string canonical_name(std::string_view name);

}  // namespace headroom::cli
