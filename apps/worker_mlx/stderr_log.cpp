#include "stderr_log.h"

#include <fmt/format.h>

#include <array>
#include <cstdio>

namespace headroom::mlx_worker {

void StderrLog::write(LogLevel level, std::string_view part, const std::string& message) {
  constexpr std::array<const char*, 4> kNames = {"debug", "info", "warning", "error"};
  const std::string line =
      fmt::format("{} {}: {}\n", kNames.at(static_cast<std::size_t>(level)), part, message);
  const std::lock_guard lock(mutex_);
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace headroom::mlx_worker
