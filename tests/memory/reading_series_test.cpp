#include "memory/reading_series.h"

#include <gtest/gtest.h>

#include <random>

#include "memory/sampler.h"
#include "support/scripted_source.h"

namespace headroom::memory {
namespace {

using std::chrono::milliseconds;
using test::footprints;
using test::ScriptedSource;

/// `after` the beginning of a span of every width that is used here.
WallTime at(milliseconds after) { return WallTime(milliseconds(1'800'000'000'000) + after); }

Reading reading_at(milliseconds after, Bytes worker) {
  Reading reading = footprints(10_MiB, worker);
  reading.time = at(after);
  return reading;
}

TEST(ReadingSeries, ReadingsOfOneSpanKeepLowHighAndLast) {
  ReadingSeries series;
  series.add(reading_at(milliseconds(0), 30_MiB), {RunPhase::kLoad, "", ""});
  series.add(reading_at(milliseconds(20), 90_MiB), {RunPhase::kAsk, "7", "q1"});
  series.add(reading_at(milliseconds(49), 20_MiB), {RunPhase::kIdle, "", ""});
  ASSERT_EQ(series.spans().size(), 1U);
  const ReadingSpan& span = series.spans()[0];
  EXPECT_EQ(span.footprint, (Range{30_MiB, 100_MiB, 30_MiB}));
  EXPECT_EQ(span.readings, 3U);
  EXPECT_EQ(span.phase, RunPhase::kAsk) << "of the highest reading";
  EXPECT_EQ(span.group, "7");
  EXPECT_EQ(span.begin, at(milliseconds(0)));
  EXPECT_FALSE(span.active) << "a sensor that was not read is not 0";
}

TEST(ReadingSeries, TwentyReadingsASecondAreTwentySpans) {
  ReadingSeries series;
  for (int i = 0; i < 200; ++i) {
    series.add(reading_at(milliseconds(50 * i + 3), 30_MiB), {});
  }
  EXPECT_EQ(series.spans().size(), 200U);
}

TEST(ReadingSeries, TheAllocatorsOwnPeakCountsAsAHighOfWhatIsActive) {
  ReadingSeries series;
  Reading reading;
  reading.time = at(milliseconds(0));
  reading.active = 20_MiB;
  reading.cache = 5_MiB;
  reading.peak = 70_MiB;
  series.add(reading, {});
  EXPECT_EQ(series.spans()[0].active, (Range{20_MiB, 70_MiB, 20_MiB}));
  EXPECT_EQ(series.spans()[0].device, (Range{25_MiB, 70_MiB, 25_MiB}));
  EXPECT_FALSE(series.spans()[0].footprint);
}

TEST(ReadingSeries, AReadingWithoutATimeHasNoPlace) {
  ReadingSeries series;
  series.add(footprints(1_MiB, 1_MiB), {});
  EXPECT_TRUE(series.spans().empty());
}

TEST(ReadingSeries, ALateReadingJoinsItsOwnSpan) {
  ReadingSeries series;
  series.add(reading_at(milliseconds(0), 30_MiB), {});
  series.add(reading_at(milliseconds(100), 30_MiB), {});
  series.add(reading_at(milliseconds(10), 50_MiB), {});
  series.add(reading_at(milliseconds(60), 20_MiB), {});
  ASSERT_EQ(series.spans().size(), 3U);
  EXPECT_EQ(series.spans()[0].footprint->high, 60_MiB);
  EXPECT_EQ(series.spans()[1].begin, at(milliseconds(50)));
  EXPECT_EQ(series.spans()[2].begin, at(milliseconds(100)));
}

TEST(ReadingSeries, WhenFullNeighboursAreDrawnTogetherAndNoPeakIsLost) {
  constexpr std::size_t kCapacity = 64;
  std::mt19937 random(1);  // NOLINT(cert-msc51-cpp): the same each time
  ReadingSeries series(kCapacity);
  Bytes highest;
  Bytes lowest = 1_GiB;
  constexpr int kReadings = 10'000;
  for (int i = 0; i < kReadings; ++i) {
    const Reading reading = reading_at(milliseconds(50 * i), Bytes(random() % (500U << 20U)));
    highest = std::max(highest, *total_footprint(reading));
    lowest = std::min(lowest, *total_footprint(reading));
    series.add(reading, {});
    ASSERT_LE(series.spans().size(), kCapacity);
  }
  EXPECT_GE(series.spans().size(), kCapacity / 2) << "no more is given up than must be";
  std::uint64_t readings = 0;
  Bytes high;
  Bytes low = 1_GiB;
  for (std::size_t i = 0; i < series.spans().size(); ++i) {
    const ReadingSpan& span = series.spans()[i];
    readings += span.readings;
    high = std::max(high, span.footprint->high);
    low = std::min(low, span.footprint->low);
    if (i > 0) {
      EXPECT_GE(span.begin, series.spans()[i - 1].end());
    }
  }
  EXPECT_EQ(readings, static_cast<std::uint64_t>(kReadings));
  EXPECT_EQ(high, highest);
  EXPECT_EQ(low, lowest);
}

TEST(ReadingSeries, DrainingBeginsAnewWithTheFinestSpans) {
  ReadingSeries series(4);
  for (int i = 0; i < 20; ++i) {
    series.add(reading_at(milliseconds(50 * i), 1_MiB), {});
  }
  EXPECT_GT(series.drain().front().width, ReadingSeries::kWidth);
  EXPECT_TRUE(series.spans().empty());
  series.add(reading_at(milliseconds(2000), 1_MiB), {});
  EXPECT_EQ(series.spans().front().width, ReadingSeries::kWidth);
}

TEST(Thin, SpansThatAreWiderStayAndTakeInWhatTheyCover) {
  ReadingSeries series;
  for (const int start : {0, 50, 400, 450}) {
    series.add(reading_at(milliseconds(start), 1_MiB), {});
  }
  std::vector<ReadingSpan> spans = series.drain();
  spans[0].width = milliseconds(400);
  thin(spans, milliseconds(100));
  ASSERT_EQ(spans.size(), 2U);
  EXPECT_EQ(spans[0].width, milliseconds(400));
  EXPECT_EQ(spans[0].readings, 2U);
  EXPECT_EQ(spans[1].width, milliseconds(100));
}

TEST(SpanJson, HoldsWhatWasReadAndNothingElse) {
  ReadingSeries series;
  series.add(reading_at(milliseconds(0), 30_MiB), {RunPhase::kAsk, "7", ""});
  const Json json = to_json(series.spans()[0]);
  EXPECT_EQ(json.at("time"), "2027-01-15T08:00:00.000Z");
  EXPECT_EQ(json.at("seconds"), 0.05);
  EXPECT_EQ(json.at("phase"), "ask");
  EXPECT_EQ(json.at("group"), "7");
  EXPECT_EQ(json.at("footprint_bytes").at("high"), (40_MiB).count());
  EXPECT_FALSE(json.contains("active_bytes"));
}

TEST(SamplersSeries, HasEachLookWithWhatTheRunWasDoing) {
  ScriptedSource source({reading_at(milliseconds(0), 1_MiB),
                         reading_at(milliseconds(50), 2_MiB),
                         reading_at(milliseconds(100), 3_MiB)});
  Sampler sampler(source);
  {
    const PhaseMark ask(sampler, {RunPhase::kAsk, "3", "q"});
    sampler.tick();
    {
      const PhaseMark clean(sampler, RunPhase::kClean);
      EXPECT_EQ(sampler.moment().group, "3");
      sampler.tick();
    }
    EXPECT_EQ(sampler.moment().phase, RunPhase::kAsk);
  }
  sampler.tick();
  const std::vector<ReadingSpan> spans = sampler.drain();
  ASSERT_EQ(spans.size(), 3U);
  EXPECT_EQ(spans[0].phase, RunPhase::kAsk);
  EXPECT_EQ(spans[1].phase, RunPhase::kClean);
  EXPECT_EQ(spans[2].phase, RunPhase::kIdle);
  EXPECT_TRUE(sampler.drain().empty());
}

TEST(SamplersSeries, ASpikeBetweenTwoLooksIsAHighOfTheSecond) {
  Reading before = reading_at(milliseconds(0), 100_MiB);
  before.worker_footprint_peak = 100_MiB;
  Reading after = reading_at(milliseconds(50), 90_MiB);
  after.worker_footprint_peak = 300_MiB;
  ScriptedSource source({before, after});
  Sampler sampler(source);
  sampler.tick();
  sampler.tick();
  const std::vector<ReadingSpan> spans = sampler.drain();
  EXPECT_EQ(spans.at(1).footprint, (Range{100_MiB, 310_MiB, 100_MiB}));
}

TEST(SamplersSeries, AWorkersReadingTellsItsAllocatorOnly) {
  ScriptedSource source({reading_at(milliseconds(0), 100_MiB)});
  Sampler sampler(source);
  sampler.tick();
  Reading worker;
  worker.time = at(milliseconds(10));
  worker.active = 20_MiB;
  worker.worker_footprint = 1_MiB;
  sampler.see(worker);
  const std::vector<ReadingSpan> spans = sampler.drain();
  ASSERT_EQ(spans.size(), 1U);
  EXPECT_EQ(spans[0].active->last, 20_MiB);
  EXPECT_EQ(spans[0].footprint->low, 110_MiB);
}

}  // namespace
}  // namespace headroom::memory
