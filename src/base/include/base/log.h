#pragma once

#include <string>
#include <string_view>

namespace headroom {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

/// Where libraries report what they do; they print nothing themselves. A message of level warning
/// or above names the next step. Thread: implementations accept calls from any thread.
class Log {
 public:
  virtual ~Log() = default;
  /// `part` is the part that speaks ("worker", "memory"), without punctuation.
  virtual void write(LogLevel level, std::string_view part, const std::string& message) = 0;

  void debug(std::string_view part, const std::string& m) { write(LogLevel::kDebug, part, m); }

  void info(std::string_view part, const std::string& m) { write(LogLevel::kInfo, part, m); }

  void warning(std::string_view part, const std::string& m) { write(LogLevel::kWarning, part, m); }

  void error(std::string_view part, const std::string& m) { write(LogLevel::kError, part, m); }
};

/// Keeps nothing.
class NullLog final : public Log {
 public:
  void write(LogLevel, std::string_view, const std::string&) override {}
};

}  // namespace headroom
