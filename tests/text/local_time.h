#pragma once

#include <ctime>

#include "base/clock.h"

namespace headroom::text {

/// The moment at which a clock on this machine's wall shows that date and time.
inline WallTime local_time(int year, int month, int day, int hour, int minute, int second) {
  std::tm split{};
  split.tm_year = year - 1900;
  split.tm_mon = month - 1;
  split.tm_mday = day;
  split.tm_hour = hour;
  split.tm_min = minute;
  split.tm_sec = second;
  split.tm_isdst = -1;
  return std::chrono::system_clock::from_time_t(std::mktime(&split));
}

}  // namespace headroom::text
