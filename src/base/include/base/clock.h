#pragma once

#include <chrono>
#include <string>

namespace headroom {

using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;
using WallTime = std::chrono::system_clock::time_point;

/// Time as everything of ours sees it. Thread: all members may be called from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;
  virtual WallTime wall() const = 0;
  virtual void sleep(Duration duration) = 0;
};

/// The machine's clocks.
class SystemClock final : public Clock {
 public:
  TimePoint now() const override;
  WallTime wall() const override;
  void sleep(Duration duration) override;
};

double seconds(Duration duration);
/// "2026-11-25T03:46:33Z".
std::string iso_time(WallTime time);
/// "2026-11-25T03:46:33.678Z".
std::string iso_time_milliseconds(WallTime time);

}  // namespace headroom
