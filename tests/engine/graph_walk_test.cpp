// The walk over a graph against what MLX's allocator then does.
#include "engine/graph_walk.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "engine/counters.h"
#include "engine/guard.h"
#include "engine/ops.h"

namespace headroom::engine {
namespace {

constexpr int kRows = 1024;
constexpr int kWidth = 256;
constexpr std::uint64_t kArray = sizeof(float) * kRows * kWidth;

mx::array filled(int rows, int width) {
  mx::array x = mx::full({rows, width}, 0.01F);
  mx::eval(x);
  return x;
}

struct Case {
  std::string name;
  std::function<mx::array(const mx::array& x, const Guard& guard)> build;
  double arrays;  // of x's size that the walk finds at the peak
};

class GraphWalk : public ::testing::TestWithParam<Case> {};

TEST_P(GraphWalk, FindsThePeakThatTheAllocatorMeasures) {
  const Guard guard;
  const mx::array x = filled(kRows, kWidth);
  clear_cache();
  const Bytes before = allocator_counters().active;
  reset_peak();
  Bytes walked;
  {
    const mx::array result = GetParam().build(x, guard);
    const Bytes built = allocator_counters().active;  // constants are made when the graph is built
    walked = walk_graph({result}).peak;
    EXPECT_EQ(allocator_counters().active, built) << "the walk itself allocates nothing";
    mx::eval(result);
    mx::synchronize();
  }
  const Bytes measured = saturating_minus(allocator_counters().peak, before);
  EXPECT_NEAR(static_cast<double>(walked.count()), GetParam().arrays * kArray, 0.02 * kArray);
  EXPECT_LE(measured.count(), walked.count() + kArray / 50);
}

const std::vector<Case>& cases() {
  static const std::vector<Case> kCases = {
      {"ViewsAllocateNothing",
       [](const mx::array& x, const Guard& guard) {
         return guard.watch(
             mx::slice(mx::transpose(mx::reshape(x, {kRows, 2, kWidth / 2}), {1, 0, 2}),
                       {0, 0, 0},
                       {1, 9, 9}));
       },
       0},
      {"AReshapeThatCannotBeAViewCopies",
       [](const mx::array& x, const Guard&) {
         return mx::reshape(mx::transpose(x), {kRows * kWidth});
       },
       1},
      {"AResultTakesTheBufferOfAnInputThatNobodyElseHolds",
       [](const mx::array& x, const Guard&) { return mx::exp(mx::abs(mx::exp(x))); },
       1},
      {"WhatIsReadTwiceIsNotGivenAway",
       [](const mx::array& x, const Guard&) {
         const mx::array y = mx::exp(x);
         return mx::matmul(mx::transpose(mx::abs(y)), y);
       },
       2.25},  // y, its copy, the product
      {"WhatIsLetGoIsFreeAfterAWatch",
       [](const mx::array& x, const Guard& guard) {
         mx::array y = x;
         for (int layer = 0; layer < 8; ++layer) {
           y = guard.watch(mx::matmul(y, mx::full({kWidth, kWidth}, 0.01F)));
         }
         return y;
       },
       2.5},  // y before and after, this layer's matrix and the next one's
  };
  return kCases;
}

INSTANTIATE_TEST_SUITE_P(Graphs, GraphWalk, ::testing::ValuesIn(cases()), [](const auto& one) {
  return one.param.name;
});

TEST(GraphWalkKernels, DeclareWhatTheyTake) {
  const Ops ops(mx::float32);
  if (!ops.kernels()) {
    GTEST_SKIP() << "no kernels here";
  }
  const mx::array x = filled(kRows, kWidth);
  const mx::array w = filled(4 * kWidth, kWidth);
  const auto peak = [](const mx::array& y) { return walk_graph({y}).peak.count(); };
  EXPECT_EQ(peak(ops.linear(x, w)), 4 * kArray);
  EXPECT_EQ(peak(ops.activate(ops.linear(x, w), Activation::kGeluTanh)), 4 * kArray)
      << "in the same buffer";
  EXPECT_EQ(peak(ops.gated(ops.linear(x, w), Activation::kSilu)), 6 * kArray);
}

TEST(Foresee, RefusesAStepThatWouldBeOverTheLimitBeforeAnythingIsAllocated) {
  const mx::array x = filled(kRows, kWidth);
  const Bytes before = allocator_counters().active;
  GuardLimits limits;
  limits.memory = before + Bytes(kArray + kArray / 2);
  Bytes told;
  limits.foreseen = [&told](Bytes peak) { told = peak; };
  const Guard guard(limits);
  const mx::array one = mx::exp(x);
  EXPECT_NO_THROW(guard.foresee({one}));
  EXPECT_EQ(told, before + Bytes(kArray));
  const mx::array two = mx::concatenate({mx::exp(x), mx::abs(x)}, 0);
  try {
    guard.foresee({two});
    FAIL() << "four arrays where one and a half are allowed";
  } catch (const BudgetError& error) {
    EXPECT_EQ(error.code(), "E-MEM-GUARD");
    EXPECT_NE(std::string(error.what()).find("4.0 MiB more"), std::string::npos) << error.what();
  }
  EXPECT_EQ(allocator_counters().active, before);
}

}  // namespace
}  // namespace headroom::engine
