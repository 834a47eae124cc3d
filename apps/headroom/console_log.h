#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <mutex>

#include "base/clock.h"
#include "base/log.h"
#include "console.h"

namespace headroom::cli {

/// Shows warnings and errors on the console, information with -v, everything with -vv; all of it
/// goes into the log file when there is one.
class ConsoleLog final : public Log {
 public:
  /// Throws ResourceError("E-WRITE") when `file` (if not empty) cannot be opened to append.
  ConsoleLog(Console& console, const Clock& clock, const std::filesystem::path& file);

  void write(LogLevel level, std::string_view part, const std::string& message) override;

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  Console& console_;
  const Clock& clock_;
  std::mutex mutex_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace headroom::cli
