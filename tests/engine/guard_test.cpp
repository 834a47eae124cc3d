#include "engine/guard.h"

#include <gtest/gtest.h>

#include "engine/counters.h"
#include "support/fake_clock.h"

namespace headroom::engine {
namespace {

mx::array work(const Guard& guard, int layers) {
  mx::array x = mx::ones({64, 64});
  for (int i = 0; i < layers; ++i) {
    x = guard.watch(mx::multiply(mx::add(x, x), mx::array(0.5F)));
  }
  return x;
}

TEST(Guard, WithoutLimitsChangesNothing) {
  const Guard guard;
  mx::array x = work(guard, 4);
  mx::eval(x);
  EXPECT_EQ(x.data<float>()[0], 1.0F);
}

TEST(Guard, StopsAtAnyLayerAndTheEvaluationRunsAgainAfterwards) {
  for (int stop = 0; stop < 6; ++stop) {
    int checks = 0;
    GuardLimits limits;
    limits.cancelled = [&] { return checks++ == stop; };
    const Guard guard(limits);
    {
      mx::array x = work(guard, 6);
      EXPECT_THROW(mx::eval(x), Cancelled);
    }
    settle();
    EXPECT_EQ(checks, stop + 1);
    mx::array again = work(guard, 6);
    mx::eval(again);
    EXPECT_EQ(again.data<float>()[64], 1.0F);
  }
}

TEST(Guard, StoppedWorkLeavesNothingAllocated) {
  clear_cache();
  const Bytes before = allocator_counters().active;
  GuardLimits limits;
  int checks = 0;
  limits.cancelled = [&] { return ++checks > 3; };
  const Guard guard(limits);
  {
    mx::array x = work(guard, 6);
    EXPECT_THROW(mx::eval(x), Cancelled);
  }
  settle();
  EXPECT_EQ(allocator_counters().active, before);
}

TEST(Guard, DeadlineIsReadOnItsClock) {
  headroom::testing::FakeClock clock;
  GuardLimits limits;
  limits.clock = &clock;
  limits.deadline = clock.now() + std::chrono::seconds(5);
  const Guard guard(limits);
  EXPECT_NO_THROW(guard.check());
  clock.advance(std::chrono::seconds(6));
  try {
    guard.check();
    FAIL();
  } catch (const DeadlineError& error) {
    EXPECT_EQ(error.code(), "E-TIMEOUT");
    EXPECT_NE(std::string(error.what()).find("1.000 s"), std::string::npos) << error.what();
  }
}

TEST(Guard, MemoryOverTheLimitIsABudgetErrorWithBothSizes) {
  mx::array held = mx::zeros({1 << 20});
  mx::eval(held);
  GuardLimits limits;
  limits.memory = 1_MiB;
  try {
    Guard(limits).check();
    FAIL();
  } catch (const BudgetError& error) {
    EXPECT_EQ(error.code(), "E-MEM-GUARD");
    EXPECT_NE(std::string(error.what()).find("1.0 MiB"), std::string::npos) << error.what();
  }
}

TEST(Counters, PeakIsAtLeastWhatIsActiveAfterAReset) {
  mx::array held = mx::zeros({1 << 20});
  mx::eval(held);
  reset_peak();
  const AllocatorCounters counters = allocator_counters();
  EXPECT_GE(counters.peak, counters.active);
  EXPECT_GE(counters.active, 4_MiB);
}

}  // namespace
}  // namespace headroom::engine
