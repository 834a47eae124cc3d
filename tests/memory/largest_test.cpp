#include <gtest/gtest.h>

#include "memory/plan.h"
#include "plan_support.h"

namespace headroom::memory {
namespace {

std::vector<PictureCost> ladder() {
  std::vector<PictureCost> pictures;
  for (std::uint32_t side = 128; side <= 2048; side += 128) {
    pictures.push_back(test::picture_of(side));
  }
  return pictures;
}

Workload workload() {
  Workload workload;
  workload.batch = 4;
  workload.text_tokens = 60;
  workload.max_tokens = 100;
  workload.supervisor = 12_MiB;
  workload.allocator_cache = Bytes();
  workload.pictures = {test::picture_of(256)};
  return workload;
}

/// Whether it fits with the best chunk.
bool fitting(Workload candidate, const Budget& budget) {
  candidate.prefill_chunk = 64;
  return admit(make_plan(test::small_geometry(), candidate), budget).fits;
}

TEST(Largest, PictureFitsAndTheNextDoesNot) {
  const Budget budget = test::budget_of(300_MiB);
  const Largest largest = largest_that_fit(test::small_geometry(), workload(), ladder(), budget);
  ASSERT_TRUE(largest.picture_side);
  EXPECT_FALSE(largest.any_picture);
  Workload candidate = workload();
  candidate.pictures = {test::picture_of(*largest.picture_side)};
  EXPECT_TRUE(fitting(candidate, budget)) << *largest.picture_side;
  candidate.pictures = {test::picture_of(*largest.picture_side + 128)};
  EXPECT_FALSE(fitting(candidate, budget)) << *largest.picture_side;
}

TEST(Largest, BatchFitsAndOneMoreDoesNot) {
  const Budget budget = test::budget_of(300_MiB);
  const Largest largest = largest_that_fit(test::small_geometry(), workload(), ladder(), budget);
  ASSERT_TRUE(largest.batch);
  Workload candidate = workload();
  candidate.batch = *largest.batch;
  EXPECT_TRUE(fitting(candidate, budget)) << *largest.batch;
  ++candidate.batch;
  EXPECT_FALSE(fitting(candidate, budget)) << *largest.batch;
}

TEST(Largest, SaysThatAnyPictureFits) {
  const Largest largest =
      largest_that_fit(test::small_geometry(), workload(), ladder(), test::budget_of(100_GiB));
  EXPECT_TRUE(largest.any_picture);
  EXPECT_EQ(largest.picture_side, 2048U);
}

TEST(Largest, IsNothingBelowTheWeights) {
  const Largest largest =
      largest_that_fit(test::small_geometry(), workload(), ladder(), test::budget_of(20_MiB));
  EXPECT_FALSE(largest.picture_side);
  EXPECT_FALSE(largest.batch);
  EXPECT_FALSE(largest.any_picture);
  EXPECT_EQ(to_json(largest), Json({{"any_picture", false}}));
}

TEST(Largest, WithoutPicturesHasOnlyABatch) {
  Workload text = workload();
  text.pictures.clear();
  const Largest largest =
      largest_that_fit(test::small_geometry(), text, ladder(), test::budget_of(1_GiB));
  EXPECT_FALSE(largest.picture_side);
  EXPECT_FALSE(largest.any_picture);
  EXPECT_TRUE(largest.batch);
}

}  // namespace
}  // namespace headroom::memory
