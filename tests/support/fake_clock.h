#pragma once

#include "base/clock.h"

namespace headroom::testing {

/// Time that moves only when told to. Starts at 2026-01-02T03:04:05Z. Not for use from several
/// threads.
class FakeClock final : public Clock {
 public:
  TimePoint now() const override { return TimePoint(elapsed_); }

  WallTime wall() const override {
    return WallTime(std::chrono::seconds(1767323045)) +
           std::chrono::duration_cast<WallTime::duration>(elapsed_);
  }

  void sleep(Duration duration) override { advance(duration); }

  void advance(Duration duration) { elapsed_ += duration; }

 private:
  Duration elapsed_{0};
};

}  // namespace headroom::testing
