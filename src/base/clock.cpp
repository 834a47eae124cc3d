#include "base/clock.h"

#include <fmt/chrono.h>

#include <cstdint>
#include <ctime>
#include <thread>

namespace headroom {

TimePoint SystemClock::now() const { return std::chrono::steady_clock::now(); }

WallTime SystemClock::wall() const { return std::chrono::system_clock::now(); }

void SystemClock::sleep(Duration duration) { std::this_thread::sleep_for(duration); }

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

std::string iso_time(WallTime time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

std::string iso_time_milliseconds(WallTime time) {
  using std::chrono::milliseconds;
  const auto count = std::chrono::duration_cast<milliseconds>(time.time_since_epoch()).count();
  constexpr std::int64_t kMillisecondsASecond = 1000;
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(std::time_t{count / kMillisecondsASecond}),
                     count % kMillisecondsASecond);
}

}  // namespace headroom
