#include "memory/sampler.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <thread>

#include "support/scripted_source.h"

namespace headroom::memory {
namespace {

using test::footprints;
using test::ScriptedSource;

TEST(Sampler, KeepsTheLargestSumOfOneMoment) {
  // The supervisor is largest when the worker is small: the sum of the peaks would be 190 MiB.
  ScriptedSource source(
      {footprints(90_MiB, 10_MiB), footprints(20_MiB, 100_MiB), footprints(10_MiB, 95_MiB)});
  Sampler sampler(source);
  for (int look = 0; look < 3; ++look) {
    sampler.tick();
  }
  const Peaks peaks = sampler.peaks();
  EXPECT_EQ(peaks.total, 120_MiB);
  EXPECT_EQ(peaks.supervisor, 90_MiB);
  EXPECT_EQ(peaks.worker, 100_MiB);
  EXPECT_EQ(peaks.samples, 3U);
}

TEST(Sampler, ASpikeBetweenTwoLooksShowsThroughTheHighWaterMark) {
  Reading before = footprints(10_MiB, 100_MiB);
  before.worker_footprint_peak = 100_MiB;
  Reading after = footprints(12_MiB, 90_MiB);
  after.worker_footprint_peak = 300_MiB;
  ScriptedSource source({before, after});
  Sampler sampler(source);
  sampler.tick();
  EXPECT_EQ(sampler.peaks().total, 110_MiB);
  sampler.tick();
  EXPECT_EQ(sampler.peaks().total, 312_MiB);
}

TEST(Sampler, AnOldHighWaterMarkDoesNotCountInALaterWindow) {
  Reading reading = footprints(10_MiB, 90_MiB);
  reading.worker_footprint_peak = 300_MiB;
  ScriptedSource source({reading});
  Sampler sampler(source);
  sampler.tick();
  sampler.begin_window();
  sampler.tick();
  EXPECT_EQ(sampler.window().total, 100_MiB);
  EXPECT_EQ(sampler.peaks().total, 310_MiB);
}

TEST(Sampler, AWorkerThatTheSourceDoesNotSeeCountsAsItTells) {
  Reading alone;
  alone.supervisor_footprint = 20_MiB;
  ScriptedSource source({alone});
  Sampler sampler(source);
  sampler.tick();
  Reading worker;
  worker.worker_footprint = 60_MiB;
  worker.worker_footprint_peak = 80_MiB;
  sampler.see(worker);
  EXPECT_EQ(sampler.peaks().total, 100_MiB);
  EXPECT_EQ(sampler.window().total, 100_MiB);
}

TEST(Sampler, AWorkerThatTheSourceSeesIsNotCountedByItsOwnWord) {
  ScriptedSource source({footprints(20_MiB, 50_MiB)});
  Sampler sampler(source);
  sampler.tick();
  sampler.see(footprints(0_MiB, 90_MiB));
  EXPECT_EQ(sampler.peaks().total, 70_MiB);
}

TEST(Sampler, TellsEachReadingToWhoListens) {
  ScriptedSource source({footprints(10_MiB, 100_MiB), footprints(10_MiB, 200_MiB)});
  Sampler sampler(source);
  std::vector<std::optional<Bytes>> heard;
  sampler.listen([&](const Reading& now) { heard.push_back(now.worker_footprint); });
  sampler.tick();
  sampler.tick();
  EXPECT_EQ(heard, (std::vector<std::optional<Bytes>>{100_MiB, 200_MiB}));
}

TEST(Sampler, UnreadSensorsLeaveNoPeak) {
  ScriptedSource source;
  Sampler sampler(source);
  sampler.tick();
  EXPECT_FALSE(sampler.peaks().total.has_value());
  EXPECT_FALSE(sampler.peaks().lowest_available.has_value());
  EXPECT_EQ(sampler.peaks().samples, 1U);
}

TEST(Sampler, KeepsTheLowestAvailable) {
  Reading high;
  high.system_available = 5_GiB;
  Reading low;
  low.system_available = 1_GiB;
  ScriptedSource source({high, low, high});
  Sampler sampler(source);
  for (int look = 0; look < 3; ++look) {
    sampler.tick();
  }
  EXPECT_EQ(sampler.peaks().lowest_available, 1_GiB);
}

/// Fulfils a promise at its n-th reading.
class CountingSource final : public MemorySource {
 public:
  explicit CountingSource(int count) : left_(count) {}

  Reading read() override {
    if (--left_ == 0) {
      reached_.set_value();
    }
    return footprints(1_MiB, 1_MiB);
  }

  std::future<void> reached() { return reached_.get_future(); }

 private:
  std::atomic<int> left_;
  std::promise<void> reached_;
};

TEST(Sampler, LooksByItselfUntilStopped) {
  CountingSource source(5);
  Sampler sampler(source);
  std::future<void> reached = source.reached();
  sampler.start(std::chrono::milliseconds(1));
  ASSERT_EQ(reached.wait_for(std::chrono::seconds(60)), std::future_status::ready);
  sampler.stop();
  const std::uint64_t looks = sampler.peaks().samples;
  EXPECT_GE(looks, 5U);
  sampler.stop();
  sampler.tick();
  EXPECT_EQ(sampler.peaks().samples, looks + 1);
}

TEST(Sampler, StoppingDoesNotWaitForThePeriod) {
  // On the heap, and left behind when it hangs: the test must not wait for what it looks for.
  struct Stopping {
    ScriptedSource source;
    Sampler sampler{source};
    std::promise<void> stopped;
  };

  auto stopping = std::make_shared<Stopping>();
  stopping->sampler.start(std::chrono::hours(1));
  std::future<void> stopped = stopping->stopped.get_future();
  std::thread([stopping] {
    stopping->sampler.stop();
    stopping->stopped.set_value();
  }).detach();
  EXPECT_EQ(stopped.wait_for(std::chrono::seconds(60)), std::future_status::ready);
}

}  // namespace
}  // namespace headroom::memory
