#include "base/iso_time.h"

#include <cstdio>
#include <ctime>
#include <string>

namespace headroom {

std::optional<WallTime> time_from_iso(std::string_view iso) {
  // The clock counts nanoseconds in 64 bits, which ends in 2262.
  constexpr std::time_t kLastSecond = 7'258'118'400;  // 2200-01-01
  const std::string text(iso);
  std::tm parts{};
  int milli = 0;
  char zone = 0;
  const int fields = std::sscanf(text.c_str(),
                                 "%4d-%2d-%2dT%2d:%2d:%2d.%3d%c",
                                 &parts.tm_year,
                                 &parts.tm_mon,
                                 &parts.tm_mday,
                                 &parts.tm_hour,
                                 &parts.tm_min,
                                 &parts.tm_sec,
                                 &milli,
                                 &zone);
  const bool whole_seconds = fields == 6 && text.size() == 20 && text.back() == 'Z';
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  const std::time_t count = timegm(&parts);
  const bool in_range = count >= 0 && count <= kLastSecond && milli >= 0;
  if (!in_range || (!whole_seconds && !(fields == 8 && zone == 'Z'))) {
    return std::nullopt;
  }
  return std::chrono::system_clock::from_time_t(count) + std::chrono::milliseconds(milli);
}

}  // namespace headroom
