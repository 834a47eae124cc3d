#include "memory/ladder.h"

#include <gtest/gtest.h>

#include <random>

#include "base/errors.h"
#include "memory/coverage.h"
#include "plan_support.h"

namespace headroom::memory {
namespace {

std::optional<Rung> highest(const Geometry& geometry,
                            const Workload& wished,
                            Bytes limit,
                            Allowed allowed = {},
                            std::vector<FewerTiles> fewer = {}) {
  const Budget budget = test::budget_of(limit);
  return Ladder(geometry, wished, allowed, std::move(fewer)).highest([&](const Workload& workload) {
    return fits(geometry, workload, budget);
  });
}

TEST(Ladder, KeepsWhatFits) {
  const auto rung = highest(test::small_geometry(), test::small_workload(), 512_MiB);
  ASSERT_TRUE(rung);
  EXPECT_EQ(rung->workload.batch, 16U);
  EXPECT_EQ(rung->workload.prefill_chunk, 0U);
  EXPECT_TRUE(rung->text.empty());
}

TEST(Ladder, KeepsLessForReuseBeforeItTouchesAnythingElse) {
  Workload wished = test::small_workload();
  wished.counter = Counter::kDevice;
  wished.allocator_cache = 512_MiB;
  EXPECT_TRUE(highest(test::small_geometry(), wished, 1_GiB)->text.empty());
  const auto rung = highest(test::small_geometry(), wished, 512_MiB);
  ASSERT_TRUE(rung);
  EXPECT_EQ(rung->workload.allocator_cache, kLeastCache);
  EXPECT_EQ(rung->workload.batch, 16U);
  EXPECT_EQ(rung->text, "allocator cache 512.0 MiB -> 32.0 MiB");
}

TEST(Ladder, HalvesTheChunkBeforeItTouchesTheBatch) {
  Geometry geometry = test::small_geometry();
  geometry.prefill_per_token = 100_KiB;
  Workload wished = test::small_workload();
  wished.pictures.clear();
  wished.prefill_chunk = 1024;
  const auto rung = highest(geometry, wished, 180_MiB);
  ASSERT_TRUE(rung);
  EXPECT_EQ(rung->workload.batch, 16U);
  EXPECT_LT(rung->workload.prefill_chunk, 1024U);
  EXPECT_GE(rung->workload.prefill_chunk, 64U);
  EXPECT_EQ(rung->text, "prefill chunk 1024 -> " + std::to_string(rung->workload.prefill_chunk));
}

TEST(Ladder, LeavesTheChunkWhereTheModelPrefillsWholePrompts) {
  Geometry geometry = test::small_geometry();
  geometry.prefill_per_token = 100_KiB;
  geometry.prefills_in_chunks = false;
  Workload wished = test::small_workload();
  wished.pictures.clear();
  wished.share_prefix = false;
  const auto rung = highest(geometry, wished, 180_MiB);
  ASSERT_TRUE(rung);
  EXPECT_EQ(rung->workload.prefill_chunk, 0U);
  EXPECT_LT(rung->workload.batch, 16U);
  EXPECT_EQ(rung->text, "batch 16 -> " + std::to_string(rung->workload.batch));
  EXPECT_EQ(Ladder(geometry, wished).lowest().workload.prefill_chunk, 0U);
}

TEST(Ladder, WaitsForTheNextPicturesBeforeItTouchesTheBatch) {
  Workload wished = test::small_workload();
  wished.ahead = {test::picture_of(3000)};
  const auto rung = highest(test::small_geometry(), wished, 300_MiB);
  ASSERT_TRUE(rung);
  EXPECT_FALSE(rung->workload.decode_ahead);
  EXPECT_EQ(rung->workload.batch, 16U);
  EXPECT_EQ(rung->text, "no decoding ahead");
}

TEST(Ladder, ReleasesTheVisionTowerWhereDecodingIsWhatDoesNotFit) {
  Geometry geometry = test::small_geometry();
  geometry.weights = 400_MiB;
  geometry.vision_weights = 100_MiB;
  geometry.kv_per_token = 300_KiB;
  Workload wished = test::small_workload();
  wished.batch = 1;
  wished.pictures = {test::picture_of(64)};
  wished.text_tokens = 300;
  wished.decode_ahead = false;
  const auto rung = highest(geometry, wished, 590_MiB);
  ASSERT_TRUE(rung);
  EXPECT_TRUE(rung->workload.release_vision);
  EXPECT_NE(rung->text.find("vision tower released"), std::string::npos) << rung->text;
}

TEST(Ladder, RungsThatChangeAnswersAreTakenOnlyWhereAllowed) {
  Geometry geometry = test::small_geometry();
  geometry.kv_per_token = 400_KiB;
  geometry.kv_per_token_quantised = 110_KiB;
  Workload wished = test::small_workload();
  wished.decode_ahead = false;
  wished.batch = 1;
  wished.pictures = {test::picture_of(512)};
  wished.pictures.front().tokens = 600;
  std::vector<FewerTiles> fewer = {{2, wished.pictures}};
  fewer.front().pictures.front().tokens = 40;
  const Bytes limit = 260_MiB;
  EXPECT_FALSE(highest(geometry, wished, limit, {}, fewer));
  const auto tiles = highest(geometry, wished, limit, {.fewer_tiles = true}, fewer);
  ASSERT_TRUE(tiles);
  EXPECT_EQ(tiles->max_tiles, 2U);
  EXPECT_NE(tiles->text.find("at most 2 tiles"), std::string::npos) << tiles->text;
  const auto kv = highest(geometry, wished, limit + 20_MiB, {.quantised_kv = true}, fewer);
  ASSERT_TRUE(kv);
  EXPECT_TRUE(kv->workload.kv_quantised);
  EXPECT_EQ(kv->max_tiles, 0U);
  EXPECT_NE(kv->text.find("KV cache in 8 bits"), std::string::npos) << kv->text;
}

TEST(Ladder, ABudgetSmallerThanTheWeightsFitsOnNoRung) {
  EXPECT_FALSE(highest(test::small_geometry(), test::small_workload(), 20_MiB));
  const Rung lowest = Ladder(test::small_geometry(), test::small_workload()).lowest();
  EXPECT_EQ(lowest.workload.batch, 1U);
  EXPECT_EQ(lowest.workload.prefill_chunk, 64U);
  EXPECT_FALSE(lowest.workload.decode_ahead);
}

TEST(Ladder, NamesAWordThatIsNotARung) {
  EXPECT_EQ(parse_allowed(""), Allowed());
  EXPECT_EQ(parse_allowed("kv,tiles"), (Allowed{true, true}));
  try {
    parse_allowed("tiles,dtype");
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("'dtype'"), std::string::npos);
  }
}

std::uint32_t below(std::mt19937& random, std::uint32_t end) {
  return static_cast<std::uint32_t>(random() % end);
}

/// Two hundred models, workloads and budgets by a fixed seed.
TEST(Ladder, WhatItChoosesFitsAndNothingLargerWould) {
  std::mt19937 random(20260102);
  const auto pick = [&random](std::uint64_t most) { return Bytes(random() % (most + 1)); };
  int fitted = 0;
  int reduced = 0;
  for (int round = 0; round < 200; ++round) {
    Geometry geometry = test::small_geometry();
    geometry.kv_per_token = pick(200'000);
    geometry.prefill_per_token = pick(200'000);
    geometry.scores_per_token_pair = pick(64);
    geometry.logits_per_row = pick(1'000'000);
    Workload wished = test::small_workload();
    wished.batch = 1 + below(random, 32);
    wished.text_tokens = below(random, 400);
    wished.decode_ahead = false;
    wished.pictures = {test::picture_of(32 + below(random, 600))};
    const Budget budget = test::budget_of(120_MiB + pick(400U << 20U));
    const auto rung = highest(geometry, wished, budget.limit);
    if (!rung) {
      Workload least = wished;
      least.batch = 1;
      least.prefill_chunk = 64;
      EXPECT_FALSE(fits(geometry, least, budget)) << "round " << round;
      continue;
    }
    EXPECT_TRUE(admit(make_plan(geometry, rung->workload), budget).fits) << "round " << round;
    ++fitted;
    if (rung->workload.batch == wished.batch) {
      continue;
    }
    ++reduced;
    Workload larger = rung->workload;
    larger.batch += 1;
    larger.prefill_chunk = 64;
    EXPECT_FALSE(fits(geometry, larger, budget)) << "round " << round;
  }
  EXPECT_GT(fitted, 50);
  EXPECT_GT(reduced, 10);
}

TEST(Coverage, OneSetThatIsTooLargeDoesNotRefuseTheOthers) {
  const std::vector<std::vector<PictureCost>> sets = {
      {test::picture_of(64)}, {test::picture_of(4000)}, {test::picture_of(300)}};
  Workload wished = test::small_workload();
  const Coverage coverage =
      cover(test::small_geometry(), wished, sets, {}, test::budget_of(256_MiB));
  EXPECT_EQ(coverage.sets, 3U);
  EXPECT_EQ(coverage.refused, 1U);
  ASSERT_TRUE(coverage.hardest_refused);
  EXPECT_EQ(coverage.hardest_refused->workload.pictures.front().width, 4000U);
  EXPECT_EQ(coverage.plan.workload.pictures.front().width, 300U);
  EXPECT_TRUE(coverage.any_fits());
}

TEST(Coverage, WhereNothingFitsTheHardestIsShown) {
  const std::vector<std::vector<PictureCost>> sets = {{test::picture_of(64)},
                                                      {test::picture_of(400)}};
  const Coverage coverage =
      cover(test::small_geometry(), test::small_workload(), sets, {}, test::budget_of(30_MiB));
  EXPECT_FALSE(coverage.any_fits());
  EXPECT_EQ(coverage.plan.workload.pictures.front().width, 400U);
}

TEST(Coverage, WithoutPicturesItIsOfText) {
  Workload wished = test::small_workload();
  wished.pictures.clear();
  EXPECT_EQ(cover(test::small_geometry(), wished, {}, {}, test::budget_of(256_MiB)).sets, 1U);
}

}  // namespace
}  // namespace headroom::memory
