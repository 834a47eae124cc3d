#include "console_log.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

namespace headroom::cli {

namespace {

std::string_view name(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "";
}

int least_verbosity(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return 2;
    case LogLevel::kInfo:
      return 1;
    case LogLevel::kWarning:
      return 0;
    case LogLevel::kError:
      return -1;
  }
  return -1;
}

}  // namespace

ConsoleLog::ConsoleLog(Console& console, const Clock& clock, const std::filesystem::path& file)
    : console_(console), clock_(clock) {
  if (file.empty()) {
    return;
  }
  file_.reset(std::fopen(file.c_str(), "ae"));
  if (!file_) {
    throw ResourceError(
        "E-WRITE",
        fmt::format("--log-file {}: cannot open: {}", file.string(), std::strerror(errno)));
  }
}

void ConsoleLog::write(LogLevel level, std::string_view part, const std::string& message) {
  if (console_.options().verbosity >= least_verbosity(level)) {
    const bool plain = level == LogLevel::kInfo || level == LogLevel::kDebug;
    console_.note(plain ? fmt::format("{}: {}", part, message)
                        : fmt::format("{}: {}: {}", name(level), part, message));
  }
  if (file_) {
    const std::lock_guard lock(mutex_);
    fmt::print(file_.get(), "{} {} {}: {}\n", iso_time(clock_.wall()), name(level), part, message);
    std::fflush(file_.get());
  }
}

}  // namespace headroom::cli
