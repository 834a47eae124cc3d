#include "report/memory_chart.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace headroom::report {
namespace {

using memory::Range;
using memory::ReadingSpan;
using std::chrono::milliseconds;
using std::chrono::seconds;

WallTime at(milliseconds after) { return WallTime(milliseconds(1'800'000'000'000) + after); }

ReadingSpan span_of(milliseconds after, milliseconds width, Bytes footprint) {
  ReadingSpan span;
  span.begin = at(after);
  span.width = width;
  span.readings = 1;
  span.footprint = Range{footprint, footprint, footprint};
  return span;
}

/// Ten seconds: loads in 2 s to 200 MiB, asks with a peak of 400 MiB at 6 s, unloads at 9 s.
MemoryChart run_of_ten_seconds() {
  MemoryChart chart;
  chart.budget = 480_MiB;
  for (int i = 0; i < 20; ++i) {
    Bytes footprint = 200_MiB;
    if (i < 4) {
      footprint = 50_MiB * static_cast<std::uint64_t>(i + 1);
    } else if (i == 12) {
      footprint = 400_MiB;
    } else if (i >= 18) {
      footprint = 40_MiB;
    }
    chart.spans.push_back(span_of(milliseconds(500 * i), milliseconds(500), footprint));
  }
  chart.spans[4].active = Range{100_MiB, 100_MiB, 100_MiB};
  chart.spans[4].cache = Range{20_MiB, 20_MiB, 20_MiB};
  chart.spans[12].active = Range{100_MiB, 240_MiB, 100_MiB};
  chart.spans[13].active = Range{100_MiB, 100_MiB, 100_MiB};
  chart.spans[13].cache = Range{60_MiB, 60_MiB, 60_MiB};
  chart.spans[18].active = Range{0_B, 0_B, 0_B};
  chart.spans[18].cache = Range{0_B, 0_B, 0_B};
  chart.marks = {{at(milliseconds(3000)), MarkKind::kNormalClean},
                 {at(milliseconds(3100)), MarkKind::kAggressiveClean},
                 {at(milliseconds(5000)), MarkKind::kNormalClean},
                 {at(milliseconds(6000)), MarkKind::kRung},
                 {at(milliseconds(7000)), MarkKind::kRefusal},
                 {at(milliseconds(7500)), MarkKind::kPressure},
                 {at(milliseconds(8000)), MarkKind::kDeath}};
  return chart;
}

constexpr std::size_t kWidth = 52;

TEST(MemoryChart, DrawsPeaksAllocatorBudgetAndMarks) {
  EXPECT_EQ("\n" + chart_text(run_of_ten_seconds(), {.width = kWidth}), R"(
 480.0 MiB │────────────────────────────────────────
           │
           │
           │                        ░░
           │                        ░░
 320.0 MiB │                        ░░
           │                        ▓▓
           │                        ██
           │      ░░░░░░░░░░░░░░░░░░██░░░░░░░░░░
 160.0 MiB │    ░░░░░░░░░░░░░░░░░░░░██▓▓▓▓▓▓▓▓▓▓
           │  ░░░░░░████████████████████████████
           │  ░░░░░░████████████████████████████
           │░░░░░░░░████████████████████████████░░░░
       0 B └┴───────────────────┴───────────────────
            0 s                 5 s
  clean-up              A       n
      rung                          r
   refused                              R
  pressure                                p
     death                                  D
            █ active   ▓ cache
            ░ rest of the footprint   ─ budget
            n normal, A aggressive clean-up
)");
}

TEST(MemoryChart, InAsciiHasTheSameShape) {
  EXPECT_EQ("\n" + chart_text(run_of_ten_seconds(), {.ascii = true, .width = kWidth}), R"(
 480.0 MiB |----------------------------------------
           |
           |
           |                        ::
           |                        ::
 320.0 MiB |                        ::
           |                        ++
           |                        ##
           |      ::::::::::::::::::##::::::::::
 160.0 MiB |    ::::::::::::::::::::##++++++++++
           |  ::::::############################
           |  ::::::############################
           |::::::::############################::::
       0 B ++-------------------+-------------------
            0 s                 5 s
  clean-up              A       n
      rung                          r
   refused                              R
  pressure                                p
     death                                  D
            # active   + cache
            : rest of the footprint   - budget
            n normal, A aggressive clean-up
)");
}

TEST(MemoryChart, ABudgetFarAboveIsDrawnAboveABreak) {
  MemoryChart chart = run_of_ten_seconds();
  chart.budget = 8_GiB;
  chart.marks.clear();
  EXPECT_EQ("\n" + chart_text(chart, {.ascii = true, .width = kWidth}), R"(
   8.0 GiB |----------------------------------------
           ~
 400.0 MiB |                        ::
           |                        ::
           |                        ::
           |                        ::
 266.7 MiB |                        ++
           |                        ##
           |      ::::::::::::::::::##::::::::::
           |    ::::::::::::::::::::##++++++++++
 133.3 MiB |    ::::++++++++++++++++##++++++++++
           |  ::::::############################
           |::::::::############################
           |::::::::############################::::
       0 B ++-------------------+-------------------
            0 s                 5 s
            # active   + cache
            : rest of the footprint   - budget
)");
}

TEST(MemoryChart, APeakAboveTheBudgetStandsAboveItsLine) {
  MemoryChart chart = run_of_ten_seconds();
  chart.budget = 300_MiB;
  chart.marks = {{at(milliseconds(6200)), MarkKind::kBroken}};
  EXPECT_EQ("\n" + chart_text(chart, {.ascii = true, .width = kWidth}), R"(
 400.0 MiB |                        ::
           |                        ::
 300.0 MiB |------------------------::--------------
           |                        ::
 266.7 MiB |                        ++
           |                        ##
           |      ::::::::::::::::::##::::::::::
           |    ::::::::::::::::::::##++++++++++
 133.3 MiB |    ::::++++++++++++++++##++++++++++
           |  ::::::############################
           |::::::::############################
           |::::::::############################::::
       0 B ++-------------------+-------------------
            0 s                 5 s
    broken                          B
            # active   + cache
            : rest of the footprint   - budget
)");
}

TEST(MemoryChart, APauseTakesNoRoomAndIsMarked) {
  MemoryChart chart;
  for (const int day : {0, 3}) {
    for (int i = 0; i < 10; ++i) {
      chart.spans.push_back(span_of(std::chrono::hours(24 * day) + seconds(60 * i),
                                    seconds(60),
                                    day == 0 ? 100_MiB : 50_MiB));
    }
  }
  chart.marks = {{at(std::chrono::hours(30)), MarkKind::kDeath}};
  EXPECT_EQ("\n" + chart_text(chart, {.ascii = true, .width = kWidth}), R"(
 100.0 MiB |::::::::::::::::::::
           |::::::::::::::::::::
           |::::::::::::::::::::
           |::::::::::::::::::::
  66.7 MiB |::::::::::::::::::::
           |::::::::::::::::::::
           |::::::::::::::::::::::::::::::::::::::::
           |::::::::::::::::::::::::::::::::::::::::
  33.3 MiB |::::::::::::::::::::::::::::::::::::::::
           |::::::::::::::::::::::::::::::::::::::::
           |::::::::::::::::::::::::::::::::::::::::
           |::::::::::::::::::::::::::::::::::::::::
       0 B ++-------------------/-------------------
            0 min               10 min
     death                      D
            # active   + cache
            : rest of the footprint   / paused
)");
}

TEST(MemoryChart, OfADeviceDrawsWhatTheEngineHolds) {
  MemoryChart chart;
  chart.counter = memory::Counter::kDevice;
  chart.budget = 120_MiB;
  for (int i = 0; i < 4; ++i) {
    ReadingSpan span = span_of(milliseconds(50 * i), milliseconds(50), 900_MiB);
    if (i % 2 == 0) {
      span.active = Range{60_MiB, 60_MiB, 60_MiB};
      span.cache = Range{20_MiB, 40_MiB, 40_MiB};
      span.device = Range{80_MiB, 100_MiB, 100_MiB};
    }
    chart.spans.push_back(span);
  }
  EXPECT_EQ("\n" + chart_text(chart, {.ascii = true, .width = kWidth}), R"(
 120.0 MiB |----------------------------------------
           |
           |
           |++++++++++++++++++++++++++++++++++++++++
           |++++++++++++++++++++++++++++++++++++++++
  80.0 MiB |++++++++++++++++++++++++++++++++++++++++
           |++++++++++++++++++++++++++++++++++++++++
           |########################################
           |########################################
  40.0 MiB |########################################
           |########################################
           |########################################
           |########################################
       0 B ++-------------------+-------------------
            0 s                 0.1 s
            # active   + cache   - budget
)");
}

TEST(MemoryChart, ASingleReadingIsAChart) {
  MemoryChart chart;
  chart.spans = {span_of(milliseconds(0), milliseconds(50), 10_MiB)};
  EXPECT_EQ("\n" + chart_text(chart, {.ascii = true, .width = kWidth}), R"(
  10.0 MiB |::::::::::::::::::::::::::::::::::::::::
           |::::::::::::::::::::::::::::::::::::::::
           |::::::::::::::::::::::::::::::::::::::::
           |::::::::::::::::::::::::::::::::::::::::
   6.7 MiB |::::::::::::::::::::::::::::::::::::::::
           |::::::::::::::::::::::::::::::::::::::::
           |::::::::::::::::::::::::::::::::::::::::
           |::::::::::::::::::::::::::::::::::::::::
   3.3 MiB |::::::::::::::::::::::::::::::::::::::::
           |::::::::::::::::::::::::::::::::::::::::
           |::::::::::::::::::::::::::::::::::::::::
           |::::::::::::::::::::::::::::::::::::::::
       0 B ++---------------------------------------
            0 s
            # active   + cache
            : rest of the footprint
)");
}

TEST(MemoryChart, WithoutReadingsSaysSo) {
  const std::string text = chart_text({}, {});
  EXPECT_EQ(text.rfind("no readings over time", 0), 0U) << text;
}

std::size_t widest_line(const std::string& text) {
  std::size_t widest = 0;
  std::size_t columns = 0;
  for (const char c : text) {
    columns = c == '\n' ? 0 : columns + 1;
    widest = std::max(widest, columns);
  }
  return widest;
}

TEST(MemoryChart, IsAsWideAsTheTerminalFromFortyColumnsOn) {
  for (const std::size_t width : {80U, 173U}) {
    EXPECT_EQ(widest_line(chart_text(run_of_ten_seconds(), {.ascii = true, .width = width})),
              width);
  }
  const MemoryChart chart = run_of_ten_seconds();
  EXPECT_EQ(chart_text(chart, {.ascii = true, .width = 10}),
            chart_text(chart, {.ascii = true, .width = 40}));
}

TEST(MemoryChart, ColoursOnlyWhereAskedAndWhatIsAboveTheBudget) {
  MemoryChart chart = run_of_ten_seconds();
  EXPECT_EQ(chart_text(chart, {.width = kWidth}).find('\x1b'), std::string::npos);
  chart.budget = 300_MiB;
  EXPECT_NE(chart_text(chart, {.colour = true, .width = kWidth}).find("\x1b[31m"),
            std::string::npos);
}

}  // namespace
}  // namespace headroom::report
