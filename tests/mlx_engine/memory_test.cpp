// Loading, cleaning, unloading, and what the plan says about them.
#include <gtest/gtest.h>

#include "asking.h"
#include "memory/plan.h"

namespace headroom::mlx_worker::testing {
namespace {

worker::AskRequest scene(std::size_t questions) {
  worker::AskRequest request;
  request.group = "scene";
  request.pictures = {picture(test_data() / "demo/scenes/0000.png")};
  for (std::size_t i = 0; i < questions; ++i) {
    request.items.push_back(question(std::to_string(i), "what color is the circle?"));
    request.items.back().max_tokens = 100;
  }
  return request;
}

worker::PlanRequest plan_request() {
  worker::PlanRequest request;
  request.model = demo_model().string();
  request.pictures = {{64, 64}};
  return request;
}

TEST(Memory, PlannedWeightsAreTheMeasuredOnes) {
  Asked asked;
  const memory::Geometry geometry = asked.engine.plan(plan_request());
  EXPECT_EQ(geometry.parameters, 7493056U);
  EXPECT_EQ(geometry.weights, asked.loaded.weights);
  EXPECT_EQ(geometry.parameters, asked.loaded.parameters);
  EXPECT_EQ(geometry.dtype, asked.loaded.dtype);
}

TEST(Memory, PlannedCacheAndActivationsBoundTheMeasuredPeakClosely) {
  Asked asked;
  const memory::Geometry geometry = asked.engine.plan(plan_request());
  for (const std::size_t questions : {1U, 5U, 20U}) {
    const auto answers = asked.ask(scene(questions));
    const worker::Answer& answer = answers.begin()->second;
    const auto measured = static_cast<double>((*answer.after.peak - asked.loaded.weights).count());
    // One question is prefilled whole; more share all but the last token with each other.
    const std::uint64_t prompt = answer.prompt_tokens;
    const std::uint64_t own = questions == 1 ? prompt : 1;
    const std::uint64_t kv = questions == 1 ? prompt + 99 : prompt - 1 + questions * (own + 99);
    const auto planned = static_cast<double>(
        (geometry.kv_per_token * kv + geometry.prefill_per_token * (questions * own)).count());
    const auto prefix_stage = static_cast<double>(
        ((geometry.kv_per_token + geometry.prefill_per_token) * prompt).count());
    EXPECT_LT(measured, std::max(planned, prefix_stage) * 1.10) << questions;
    EXPECT_GT(measured, planned * 0.60) << questions;
  }
}

TEST(Memory, PlannedDecodeOfAPictureGrowsWithItsPixels) {
  Asked asked;
  worker::PlanRequest request = plan_request();
  request.pictures = {{64, 64}, {4000, 3000}};
  const auto whole = asked.engine.plan(request).pictures;
  ASSERT_EQ(whole.size(), 2U);
  EXPECT_GE(whole[1].decode, Bytes(4000ULL * 3000 * 3));
  EXPECT_EQ(whole[1].width, 4000U);
  EXPECT_EQ(whole[1].encode, whole[0].encode) << "one tile each";
  request.max_image_side = 500;
  // The picture as decoded is there while it is reduced, whatever comes of it.
  EXPECT_GE(asked.engine.plan(request).pictures[1].decode, Bytes(4000ULL * 3000 * 3));
}

TEST(Memory, PlannedDecodeIsAtLeastWhatThePicturesDecoderHolds) {
  Asked asked;
  worker::PlanRequest request = plan_request();
  request.pictures = {{4000, 3000, {}}, {4000, 3000, 1_KiB}, {4000, 3000, 200_MiB}};
  const auto costs = asked.engine.plan(request).pictures;
  ASSERT_EQ(costs.size(), 3U);
  EXPECT_EQ(costs[1].decode, costs[0].decode);
  EXPECT_EQ(costs[2].decode, 200_MiB);
}

TEST(Memory, PlannedVisionWeightsAreWhatAReleaseFrees) {
  Asked asked;
  const memory::Geometry geometry = asked.engine.plan(plan_request());
  worker::AskRequest request = scene(1);
  request.limits.release_vision = true;
  const worker::Answer answer = asked.ask(request).at("0");
  EXPECT_EQ(*asked.engine.reading().active + geometry.vision_weights, geometry.weights);
  EXPECT_LT(*answer.after.active, geometry.weights) << "while it generates";
}

/// What the cache takes is what is left of the peak when the same is asked with both.
TEST(Memory, PlannedQuantisedCacheIsTheMeasuredOne) {
  Asked asked;
  const memory::Geometry geometry = asked.engine.plan(plan_request());
  worker::AskRequest request = scene(20);
  for (worker::AskItem& item : request.items) {
    item.max_tokens = 400;
  }
  const auto whole = asked.ask(request).at("0");
  request.limits.kv_bits = 8;
  const auto quantised = asked.ask(request).at("0");
  const std::uint64_t tokens = whole.prompt_tokens - 1 + 20 * (1 + 399);
  const auto planned = static_cast<double>(
      ((geometry.kv_per_token - geometry.kv_per_token_quantised) * tokens).count());
  EXPECT_NEAR(static_cast<double>((*whole.after.peak - *quantised.after.peak).count()),
              planned,
              0.02 * planned);
}

TEST(Memory, PlanOfFewerTilesCostsLess) {
  test::TemporaryFolder folder;
  SystemClock clock;
  NullLog log;
  MlxEngine engine(clock, log);
  worker::PlanRequest request;
  request.model = splitting_demo(folder).string();
  request.pictures = {{4000, 4000}, {64, 8}};
  const auto whole = engine.plan(request).pictures;
  request.max_tiles = 5;
  const auto reduced = engine.plan(request).pictures;
  EXPECT_EQ(whole[0].tiles, 17U);
  EXPECT_EQ(reduced[0].tiles, 5U);
  EXPECT_LT(reduced[0].tokens, whole[0].tokens);
  EXPECT_LT(reduced[0].features, whole[0].features);
  EXPECT_LT(reduced[0].decode, whole[0].decode);
  EXPECT_EQ(reduced[1].tiles, whole[1].tiles) << "within the limit as it is";
}

TEST(Memory, CleaningGivesTheCacheBack) {
  Asked asked;
  asked.ask(scene(20));
  const worker::Cleaned cleaned = asked.engine.clean(worker::CleanLevel::kNormal);
  EXPECT_GT(cleaned.before.cache, Bytes());
  EXPECT_EQ(cleaned.after.cache, Bytes());
  EXPECT_EQ(cleaned.after.active, asked.loaded.weights);
}

TEST(Memory, UnloadingGivesTheWeightsBack) {
  Asked asked;
  asked.ask(scene(1));
  const worker::Unloaded unloaded = asked.engine.unload();
  EXPECT_EQ(unloaded.before.active, asked.loaded.weights);
  EXPECT_EQ(unloaded.after.active, Bytes());
  EXPECT_EQ(unloaded.after.cache, Bytes());
  const auto freed = static_cast<double>(
      saturating_minus(*unloaded.before.worker_footprint, *unloaded.after.worker_footprint)
          .count());
  EXPECT_GT(freed, 0.9 * static_cast<double>(asked.loaded.weights.count()));
}

TEST(Memory, LoadingAgainHoldsOneModel) {
  Asked asked;
  worker::LoadRequest request;
  request.model = demo_model().string();
  const worker::Loaded again = asked.engine.load(request);
  EXPECT_EQ(again.weights, asked.loaded.weights);
  EXPECT_EQ(asked.engine.reading().active, asked.loaded.weights);
}

TEST(Memory, FailedLoadLeavesNothingBehind) {
  Asked asked;
  worker::LoadRequest request;
  request.model = "/nowhere";
  EXPECT_THROW(asked.engine.load(request), UsageError);
  EXPECT_EQ(asked.engine.reading().active, Bytes());
  request.model = demo_model().string();
  EXPECT_EQ(asked.engine.load(request).weights, asked.loaded.weights);
}

TEST(Memory, SixteenBitWeightsTakeHalf) {
  SystemClock clock;
  NullLog log;
  MlxEngine engine(clock, log);
  worker::LoadRequest request;
  request.model = demo_model().string();
  request.dtype = "bfloat16";
  EXPECT_EQ(engine.load(request).weights, Bytes(2 * 7493056ULL));
}

TEST(Memory, PlannedPeakBoundsManyRowsBehindALongPrefixOnThePortablePath) {
  SystemClock clock;
  NullLog log;
  MlxEngine engine(clock, log);
  worker::LoadRequest load;
  load.model = demo_model().string();
  load.dtype = "bfloat16";  // which no kernels of our own take
  const Bytes weights = engine.load(load).weights;
  worker::PlanRequest plan = plan_request();
  plan.dtype = load.dtype;
  const memory::Geometry geometry = engine.plan(plan);
  ASSERT_GT(geometry.kv_copied_per_token, Bytes());

  constexpr std::uint64_t kRows = 32;
  std::string text;
  for (int i = 0; i < 60; ++i) {
    text += "what color is the circle? ";
  }
  worker::AskRequest request = scene(0);
  request.limits.prefill_chunk = 8;  // so that the most is held when rows are decoded
  for (std::uint64_t i = 0; i < kRows; ++i) {
    request.items.push_back(question(std::to_string(i), text));
    request.items.back().max_tokens = 2;
  }
  std::uint64_t tokens = 0;
  Bytes measured;
  const worker::CancelToken cancel;
  engine.ask(
      request,
      [&](worker::Answer&& answer) {
        EXPECT_EQ(answer.outcome, Outcome::kAnswered) << answer.error;
        tokens = answer.prompt_tokens + 2;
        measured = std::max(measured, *answer.after.peak - weights);
      },
      [](const worker::BusyReading&) {},
      cancel);
  const Bytes cache = geometry.kv_per_token * (tokens + 2 * kRows);
  const Bytes pass = geometry.prefill_per_token * kRows + geometry.logits_per_row * kRows +
                     geometry.scores_per_token_pair * kRows * tokens;
  const Bytes copied =
      (geometry.kv_copied_per_token + geometry.kv_repeated_decoding_per_token) * kRows * tokens;
  EXPECT_GT(measured, cache + pass) << "nothing was copied";
  EXPECT_LT(measured, scaled(cache + pass + copied, 1.1))
      << to_string(cache) << " of cache, " << to_string(pass) << " of activations, "
      << to_string(copied) << " copied; measured " << to_string(measured);
}

TEST(Memory, UnknownDtypeIsRefusedWithTheKnownOnes) {
  SystemClock clock;
  NullLog log;
  MlxEngine engine(clock, log);
  worker::LoadRequest request;
  request.model = demo_model().string();
  request.dtype = "int3";
  try {
    engine.load(request);
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_EQ(error.code(), "E-DTYPE");
    EXPECT_NE(std::string(error.what()).find("bfloat16"), std::string::npos);
  }
}

}  // namespace
}  // namespace headroom::mlx_worker::testing
