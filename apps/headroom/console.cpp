#include "console.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

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

std::size_t terminal_width() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    return size.ws_col;
  }
  return 80;
}

std::size_t sequence_length(unsigned char lead) {
  if (lead < 0x80) {
    return 1;
  }
  if (lead < 0xE0) {
    return 2;
  }
  return lead < 0xF0 ? 3 : 4;
}

}  // namespace

std::string to_ascii(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kReplacements{{
      {"·", "|"},
      {"–", "-"},
      {"—", "-"},
      {"±", "+-"},
      {"█", "#"},
      {"▓", "#"},
      {"░", "."},
      {"…", "..."},
      {"×", "x"},
      {"≤", "<="},
      {"≥", ">="},
      {"→", "->"},
      {"−", "-"},
      {"’", "'"},
  }};
  std::string out;
  while (!text.empty()) {
    const std::size_t length =
        std::min(sequence_length(static_cast<unsigned char>(text.front())), text.size());
    const std::string_view character = text.substr(0, length);
    if (length == 1) {
      out += character;
    } else {
      std::string_view replacement = "?";
      for (const auto& [from, to] : kReplacements) {
        if (from == character) {
          replacement = to;
        }
      }
      out += replacement;
    }
    text.remove_prefix(length);
  }
  return out;
}

void Console::out(std::string_view text) {
  const std::lock_guard lock(mutex_);
  const std::string plain = options_.ascii ? to_ascii(text) : std::string(text);
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
    text = to_ascii(text);
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

ConsoleOptions console_options(const Settings& settings) {
  ConsoleOptions options;
  const std::string color = settings.text("color");
  options.color_out = wants_color(color, STDOUT_FILENO) && !settings.on("json");
  options.color_err = wants_color(color, STDERR_FILENO);
  options.ascii = settings.on("ascii");
  options.redraw = ::isatty(STDERR_FILENO) != 0 && variable("TERM") != "dumb";
  options.width = terminal_width();
  options.verbosity = settings.on("quiet") ? -1 : settings.count("verbose");
  return options;
}

}  // namespace headroom::cli
