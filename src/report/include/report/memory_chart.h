#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "memory/budget.h"
#include "memory/reading_series.h"
#include "report/terminal.h"

namespace headroom::report {

/// What is marked beneath the chart, one line for each kind that happened.
enum class MarkKind { kNormalClean, kAggressiveClean, kRung, kRefusal, kPressure, kDeath, kBroken };

struct ChartMark {
  WallTime time{};
  MarkKind kind{};
};

/// One model's memory over time.
struct MemoryChart {
  memory::Counter counter = memory::Counter::kFootprint;  ///< which figure is drawn
  std::optional<Bytes> budget;
  std::vector<memory::ReadingSpan> spans;  ///< in order of time
  std::vector<ChartMark> marks;
};

/// The chart, as wide as the style says (without a terminal 80 columns) and at least 40: for each
/// column the highest figure of its time, with the allocator's active and cached bytes in it; the
/// budget's line; an axis of time without the pauses in which nothing ran; marks. Of no readings:
/// one line that says so. Pure. Lines end with '\n'.
std::string chart_text(const MemoryChart& chart, const Style& style);

}  // namespace headroom::report
