#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/errors.h"

namespace headroom::cli {

class Settings;

/// What the surroundings allow; decided once, from flags, NO_COLOR, TERM and the descriptors.
struct ConsoleOptions {
  bool color_out = false;  ///< standard output
  bool color_err = false;  ///< standard error
  bool ascii = false;
  bool redraw = false;  ///< standard error is a terminal that can return to the line's start
  // Columns; nothing: no terminal.
  std::optional<std::size_t> width_out;
  std::optional<std::size_t> width_err;
  int verbosity = 0;  ///< -1 quiet, 0, 1, 2
};

/// Thrown when nobody reads standard output any more; that is success.
class OutputClosed {};

/// Standard output for results, standard error for the rest.
/// Thread: all members may be called from any thread.
class Console {
 public:
  explicit Console(ConsoleOptions options) : options_(options) {}

  const ConsoleOptions& options() const { return options_; }

  /// Results, as they are. Throws OutputClosed; ResourceError("E-WRITE") when the file behind
  /// standard output cannot be written.
  void out(std::string_view text);
  /// A line beside the results; the line break is added. A progress line in the way is redrawn
  /// below it.
  void note(std::string_view line);
  /// Replaces the line that is redrawn in place; an empty one takes it away. Without `redraw` it
  /// does nothing.
  void status(std::string_view line);
  /// "error[E-…]: message", in red where there is colour.
  void error(const Error& error);
  void error(std::string_view code, std::string_view message);

 private:
  void write_error(std::string text);

  ConsoleOptions options_;
  std::mutex mutex_;
  std::string status_;
};

/// Columns of the terminal on a descriptor: what COLUMNS says, else what it says itself, else 80.
/// Nothing when there is none.
std::optional<std::size_t> terminal_width(int descriptor);

/// From --color, --ascii, -q, -v and --json with the environment and the descriptors.
ConsoleOptions console_options(const Settings& settings);

}  // namespace headroom::cli
