#include "console.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include "report/terminal.h"
#include "settings.h"

namespace headroom::cli {

namespace {

/// 0, or the error number.
int write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = ::write(descriptor, text.data(), text.size());
    if (put >= 0) {
      text.remove_prefix(static_cast<std::size_t>(put));
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

bool wants_color(const std::string& choice, int descriptor) {
  if (choice != "auto") {
    return choice == "always";
  }
  return ::isatty(descriptor) != 0 && variable("NO_COLOR").empty() && variable("TERM") != "dumb";
}

}  // namespace

void Console::out(std::string_view text) {
  const std::lock_guard lock(mutex_);
  const std::string plain = options_.ascii ? report::to_ascii(text) : std::string(text);
  const int error = write_all(STDOUT_FILENO, plain);
  if (error == EPIPE) {
    throw OutputClosed();
  }
  if (error != 0) {
    throw ResourceError("E-WRITE",
                        fmt::format("standard output: cannot write: {}", std::strerror(error)));
  }
}

/// What happens to standard error cannot be told anyone: failures are ignored.
void Console::write_error(std::string text) {
  if (options_.ascii) {
    text = report::to_ascii(text);
  }
  write_all(STDERR_FILENO, text);
}

void Console::note(std::string_view line) {
  const std::lock_guard lock(mutex_);
  if (status_.empty()) {
    write_error(fmt::format("{}\n", line));
  } else {
    write_error(fmt::format("\r\x1b[K{}\n{}", line, status_));
  }
}

void Console::status(std::string_view line) {
  const std::lock_guard lock(mutex_);
  if (!options_.redraw || (line.empty() && status_.empty())) {
    return;
  }
  status_ = line;
  write_error(fmt::format("\r\x1b[K{}", line));
}

void Console::error(const Error& error) { this->error(error.code(), error.what()); }

void Console::error(std::string_view code, std::string_view message) {
  const std::string_view red = options_.color_err ? "\x1b[1;31m" : "";
  const std::string_view plain = options_.color_err ? "\x1b[0m" : "";
  note(fmt::format("{}error[{}]{}: {}", red, code, plain, message));
}

std::optional<std::size_t> terminal_width(int descriptor) {
  if (::isatty(descriptor) == 0) {
    return std::nullopt;
  }
  std::size_t columns = 0;
  const std::string said = variable("COLUMNS");
  const auto [end, error] = std::from_chars(said.data(), said.data() + said.size(), columns);
  if (error == std::errc{} && end == said.data() + said.size() && columns > 0) {
    return columns;
  }
  winsize size{};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    return size.ws_col;
  }
  return 80;
}

ConsoleOptions console_options(const Settings& settings) {
  ConsoleOptions options;
  const std::string color = settings.text("color");
  options.color_out = wants_color(color, STDOUT_FILENO) && !settings.on("json");
  options.color_err = wants_color(color, STDERR_FILENO);
  options.ascii = settings.on("ascii");
  options.redraw = ::isatty(STDERR_FILENO) != 0 && variable("TERM") != "dumb";
  options.width_out = terminal_width(STDOUT_FILENO);
  options.width_err = terminal_width(STDERR_FILENO);
  options.verbosity = settings.on("quiet") ? -1 : settings.count("verbose");
  return options;
}

}  // namespace headroom::cli
