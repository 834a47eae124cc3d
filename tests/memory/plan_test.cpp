#include "memory/plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "base/errors.h"
#include "plan_support.h"
#include "table_test.h"

namespace headroom::memory {
namespace {

class PlanTable : public ::testing::TestWithParam<Json> {};

TEST_P(PlanTable, PhasesComeTo) {
  const Json& row = GetParam();
  const Plan plan =
      make_plan(geometry_from_json(row.at("geometry")), test::workload_from(row.at("workload")));
  for (const auto& [name, bytes] : row.at("expect").items()) {
    if (name == "host") {
      EXPECT_EQ(plan.host_peak().count(), bytes.get<std::uint64_t>());
      continue;
    }
    const auto phase = std::find_if(plan.phases.begin(), plan.phases.end(), [&](const auto& one) {
      return to_string(one.phase) == name;
    });
    ASSERT_NE(phase, plan.phases.end()) << name;
    EXPECT_EQ(phase->total().count(), bytes.get<std::uint64_t>()) << name << to_json(plan).dump(1);
  }
}

INSTANTIATE_TEST_SUITE_P(Rows,
                         PlanTable,
                         ::testing::ValuesIn(test::memory_table("plans.jsonl")),
                         test::row_name);

TEST(Plan, PeakIsOfTheWorstPhaseNotTheSum) {
  const Plan plan = make_plan(test::small_geometry(), test::small_workload());
  EXPECT_EQ(plan.worst().phase, Phase::kEncode);
  EXPECT_EQ(plan.planned_peak(), plan.worst().total());
  EXPECT_EQ(plan.largest_part().kind, PartKind::kVision);
}

TEST(Plan, CountsWhatAttentionCopiesForEachRowBehindASharedPrefix) {
  Geometry copying = test::small_geometry();
  copying.kv_copied_per_token = 1_KiB;
  Workload workload;
  workload.batch = 8;
  workload.text_tokens = 20;
  workload.max_tokens = 30;
  workload.allocator_cache = Bytes();
  workload.pictures = {test::picture_of(64)};
  const auto added = [&](std::size_t phase) {
    return make_plan(copying, workload).phases.at(phase).total() -
           make_plan(test::small_geometry(), workload).phases.at(phase).total();
  };
  ASSERT_EQ(make_plan(copying, workload).phases.at(3).phase, Phase::kDecode);
  EXPECT_EQ(added(3), 1_KiB * (16 + 20 + 30) * 8);
  EXPECT_EQ(added(2), 1_KiB * (16 + 20) * 8);
  workload.share_prefix = false;
  EXPECT_EQ(added(3), Bytes());
}

/// The activations of a prefill of one question, in pieces of so many tokens.
Bytes prefilled(const Geometry& geometry, std::uint32_t chunk, std::uint32_t batch = 1) {
  Workload workload;
  workload.batch = batch;
  workload.text_tokens = 1000;
  workload.prefill_chunk = chunk;
  workload.allocator_cache = Bytes();
  workload.share_prefix = false;
  const Plan plan = make_plan(geometry, workload);
  return std::find_if(plan.phases.begin(),
                      plan.phases.end(),
                      [](const PhasePlan& one) { return one.phase == Phase::kPrefill; })
      ->total();
}

TEST(Plan, APassMayTakeABlockBeyondItsChunk) {
  Geometry plain = test::small_geometry();
  plain.scores_per_token_pair = Bytes();
  Geometry blocks = plain;
  blocks.block_tokens = 257;
  EXPECT_EQ(prefilled(blocks, 64) - prefilled(plain, 64), plain.prefill_per_token * 256);
  EXPECT_EQ(prefilled(blocks, 900) - prefilled(plain, 900), plain.prefill_per_token * 100);
  EXPECT_EQ(prefilled(blocks, 0), prefilled(plain, 0));
}

TEST(Plan, APassTakesWholePromptsWhateverTheChunkWhereTheyAreNotCut) {
  Geometry whole = test::small_geometry();
  whole.prefills_in_chunks = false;
  EXPECT_EQ(prefilled(whole, 64, 2), prefilled(test::small_geometry(), 0, 2));
}

TEST(Plan, CountsWhatAttentionRepeatsForEachQueryHeadWithAndWithoutASharedPrefix) {
  Geometry repeating = test::small_geometry();
  repeating.kv_repeated_per_token = 1_KiB;
  repeating.kv_repeated_decoding_per_token = 3_KiB;
  Workload workload;
  workload.batch = 8;
  workload.text_tokens = 20;
  workload.max_tokens = 30;
  workload.allocator_cache = Bytes();
  workload.pictures = {test::picture_of(64)};
  for (const bool shared : {true, false}) {
    workload.share_prefix = shared;
    const auto added = [&](std::size_t phase) {
      return make_plan(repeating, workload).phases.at(phase).total() -
             make_plan(test::small_geometry(), workload).phases.at(phase).total();
    };
    EXPECT_EQ(added(3), 3_KiB * (16 + 20 + 30) * 8) << shared;
    EXPECT_EQ(added(2), 1_KiB * (16 + 20) * 8) << shared;
  }
}

TEST(Plan, CountsWhatIsHeldTwiceWhileATurnTakesItsCacheOver) {
  Geometry moving = test::small_geometry();
  moving.kv_moved_per_token = 1_MiB;
  Workload workload;
  workload.text_tokens = 20;
  workload.max_tokens = 30;
  workload.pictures = {test::picture_of(64)};
  const auto prefill = [&] { return make_plan(moving, workload).phases.at(2); };
  ASSERT_EQ(prefill().phase, Phase::kPrefill);
  EXPECT_LT(prefill().of({PartKind::kActivations}), 1_MiB) << "nothing is held";
  workload.continues = true;
  EXPECT_EQ(prefill().of({PartKind::kActivations}), 1_MiB * (16 + 20 + 30));
  EXPECT_EQ(prefill().of({PartKind::kPrefixKv, PartKind::kQuestionKv}),
            moving.kv_per_token * (16 + 20 + 30));
}

TEST(Plan, ReserveIsATwentiethAtLeast2MiB) {
  Geometry geometry;
  geometry.weights = 10_MiB;
  EXPECT_EQ(make_plan(geometry, Workload()).reserve, 2_MiB);
  geometry.weights = 10_GiB;
  const Plan plan = make_plan(geometry, Workload());
  EXPECT_EQ(plan.reserve, scaled(plan.planned_peak(), 0.05));
}

TEST(Plan, AFitNamesTheNumbersCompared) {
  const Plan plan = make_plan(test::small_geometry(), test::small_workload());
  const Admission admission = admit(plan, test::budget_of(512_MiB));
  EXPECT_TRUE(admission.fits) << admission.text;
  EXPECT_NE(admission.text.find("<= budget 512.0 MiB (512.0 MiB from --memory)"), std::string::npos)
      << admission.text;
  EXPECT_NO_THROW(require_fit(admission));
}

TEST(Plan, ARefusalHasTheSumTheBudgetTheLargestPartAndWhatWouldFit) {
  const Plan plan = make_plan(test::small_geometry(), test::small_workload());
  const Admission admission = admit(plan, test::budget_of(180_MiB));
  ASSERT_FALSE(admission.fits);
  for (const char* word : {"plan: encode: ",
                           "vision 100.0 MiB",
                           "weights 29.0 MiB",
                           "reserve",
                           "> budget 180.0 MiB",
                           "largest part: vision 100.0 MiB (512 x 512, 1 tiles)",
                           "--memory "}) {
    EXPECT_NE(admission.text.find(word), std::string::npos) << word << "\n" << admission.text;
  }
  try {
    require_fit(admission);
    FAIL();
  } catch (const BudgetError& error) {
    EXPECT_EQ(error.code(), "E-MEM-PLAN");
    EXPECT_EQ(error.what(), admission.text);
  }
}

TEST(Plan, ProposesTheLargestPictureThatFits) {
  Workload workload = test::small_workload();
  workload.smaller = {
      {384, test::picture_of(384)}, {256, test::picture_of(256)}, {128, test::picture_of(128)}};
  const Admission admission =
      admit(make_plan(test::small_geometry(), workload), test::budget_of(180_MiB));
  ASSERT_FALSE(admission.changes.empty());
  EXPECT_EQ(admission.changes.front().flag, "--max-image-side 256");
  EXPECT_LE(admission.changes.front().needs, 180_MiB);
}

TEST(Plan, ProposesFewerTokensAndSmallerBatchesWhenTheCacheIsWhatIsTooLarge) {
  Geometry geometry = test::small_geometry();
  geometry.kv_per_token = 100_KiB;
  Workload workload = test::small_workload();
  workload.pictures.clear();
  workload.batch = 8;
  const Plan plan = make_plan(geometry, workload);
  const Admission admission = admit(plan, test::budget_of(200_MiB));
  ASSERT_FALSE(admission.fits);
  ASSERT_EQ(admission.changes.size(), 3U) << admission.text;
  EXPECT_EQ(admission.changes[0].flag, "--batch 4");
  EXPECT_TRUE(admission.changes[1].flag.starts_with("--max-tokens ")) << admission.text;
  EXPECT_TRUE(admission.changes[2].flag.starts_with("--memory ")) << admission.text;
}

/// The program that asks holds more in the run than when it was planned.
TEST(Plan, WhatIsProposedFitsAlsoWhenTheProgramHasGrown) {
  Geometry geometry = test::small_geometry();
  geometry.kv_per_token = 100_KiB;
  Workload workload = test::small_workload();
  workload.pictures.clear();
  workload.batch = 8;
  const Admission refused = admit(make_plan(geometry, workload), test::budget_of(200_MiB));
  ASSERT_EQ(refused.changes.size(), 3U) << refused.text;
  const auto value = [&](std::size_t change) {
    const std::string& flag = refused.changes[change].flag;
    return flag.substr(flag.find(' ') + 1);
  };
  Workload later = workload;
  later.supervisor += 3_MiB;
  const Bytes memory = parse_bytes(value(2));
  EXPECT_TRUE(admit(make_plan(geometry, later), test::budget_of(memory)).fits) << refused.text;
  later.max_tokens = static_cast<std::uint32_t>(std::stoul(value(1)));
  EXPECT_TRUE(admit(make_plan(geometry, later), test::budget_of(200_MiB)).fits) << refused.text;
}

TEST(Plan, DoesNotProposeABudgetThatTheMachineCannotGive) {
  Budget budget = test::budget_of(100_MiB);
  budget.capacity = 110_MiB;
  Workload workload = test::small_workload();
  workload.pictures.clear();
  const Admission admission = admit(make_plan(test::small_geometry(), workload), budget);
  ASSERT_FALSE(admission.fits);
  EXPECT_TRUE(admission.changes.empty());
  EXPECT_NE(admission.text.find("the machine can give 110.0 MiB"), std::string::npos)
      << admission.text;
}

TEST(Plan, TheProposedBudgetIsEnoughForTheSamePlan) {
  const Plan plan = make_plan(test::small_geometry(), test::small_workload());
  const Admission refused = admit(plan, test::budget_of(100_MiB));
  const std::string flag = refused.changes.back().flag;
  const Bytes proposed = parse_bytes(flag.substr(std::string("--memory ").size()));
  EXPECT_TRUE(admit(plan, test::budget_of(proposed)).fits) << flag;
}

TEST(Plan, ADeviceThatHasRoomDoesNotHelpAHostThatHasNone) {
  Workload workload = test::small_workload();
  workload.counter = Counter::kDevice;
  Budget budget = test::budget_of(10_GiB);
  budget.counter = Counter::kDevice;
  budget.host_capacity = 50_MiB;
  const Admission admission = admit(make_plan(test::small_geometry(), workload), budget);
  EXPECT_FALSE(admission.fits);
  EXPECT_NE(admission.text.find("the host needs"), std::string::npos) << admission.text;
}

Bytes part_of(const Plan& plan, Phase phase, PartKind kind) {
  Bytes sum;
  for (const PhasePlan& one : plan.phases) {
    for (const PlanPart& part : one.parts) {
      sum += one.phase == phase && part.kind == kind ? part.bytes : Bytes();
    }
  }
  return sum;
}

TEST(Plan, AReleasedVisionTowerIsHeldToLoadAndEncodeOnly) {
  Workload workload = test::small_workload();
  workload.release_vision = true;
  const Plan plan = make_plan(test::small_geometry(), workload);
  EXPECT_EQ(part_of(plan, Phase::kLoad, PartKind::kWeights), 29_MiB);
  EXPECT_EQ(part_of(plan, Phase::kEncode, PartKind::kWeights), 29_MiB);
  EXPECT_EQ(part_of(plan, Phase::kPrefill, PartKind::kWeights), 18_MiB);
  EXPECT_EQ(part_of(plan, Phase::kDecode, PartKind::kWeights), 18_MiB);
}

TEST(Plan, ReadingTheVisionTowerAgainCountsWhereItIsMoreThanTheEncode) {
  Workload workload = test::small_workload();
  workload.pictures[0].encode = 1_MiB;
  EXPECT_EQ(
      part_of(make_plan(test::small_geometry(), workload), Phase::kEncode, PartKind::kLoadStaging),
      Bytes());
  workload.release_vision = true;
  const Plan plan = make_plan(test::small_geometry(), workload);
  EXPECT_EQ(part_of(plan, Phase::kEncode, PartKind::kLoadStaging), 8_MiB);
  EXPECT_EQ(part_of(plan, Phase::kEncode, PartKind::kVision), Bytes());
}

TEST(Plan, ReleaseLeavesNothingOfTheEncodeInTheCacheOfOtherPhases) {
  Workload workload = test::small_workload();
  workload.allocator_cache = 1_GiB;
  const Plan held = make_plan(test::small_geometry(), workload);
  EXPECT_EQ(part_of(held, Phase::kDecode, PartKind::kCache),
            part_of(held, Phase::kEncode, PartKind::kVision));
  workload.release_vision = true;
  const Plan released = make_plan(test::small_geometry(), workload);
  EXPECT_EQ(part_of(released, Phase::kEncode, PartKind::kCache), Bytes());
  EXPECT_LT(part_of(released, Phase::kDecode, PartKind::kCache),
            part_of(released, Phase::kEncode, PartKind::kVision));
  EXPECT_GT(part_of(released, Phase::kDecode, PartKind::kCache), Bytes());
}

TEST(Plan, AQuantisedCacheHasItsOwnFigureAndWhatIsReadOfIt) {
  Geometry geometry = test::small_geometry();
  Workload workload = test::small_workload();
  workload.kv_quantised = true;
  const Plan plan = make_plan(geometry, workload);
  EXPECT_EQ(part_of(plan, Phase::kDecode, PartKind::kPrefixKv), Bytes(1632ULL * 128));
  EXPECT_EQ(part_of(plan, Phase::kDecode, PartKind::kQuestionKv), Bytes(1632ULL * 160 * 16));
  const Bytes before = part_of(plan, Phase::kDecode, PartKind::kActivations);
  geometry.kv_dequantised_per_token = Bytes(1024);
  EXPECT_EQ(part_of(make_plan(geometry, workload), Phase::kDecode, PartKind::kActivations) - before,
            Bytes(1024ULL * (128 + 160) * 16));
}

TEST(Plan, AModelWithoutAQuantisedCacheIsPlannedWithItsWholeOne) {
  Geometry geometry = test::small_geometry();
  geometry.kv_per_token_quantised = Bytes();
  geometry.kv_dequantised_per_token = Bytes(1024);
  Workload workload = test::small_workload();
  const Plan whole = make_plan(geometry, workload);
  workload.kv_quantised = true;
  EXPECT_EQ(make_plan(geometry, workload).planned_peak(), whole.planned_peak());
}

TEST(Geometry, KeysOfLowerRungsMayBeAbsent) {
  const Geometry geometry = test::small_geometry();
  EXPECT_EQ(geometry_from_json(to_json(geometry)).vision_weights, geometry.vision_weights);
  EXPECT_EQ(geometry_from_json(to_json(geometry)).kv_per_token_quantised, Bytes(1632));
  Json json = to_json(geometry);
  json.erase("vision_weights_bytes");
  json.erase("kv_per_token_quantised_bytes");
  json.erase("kv_dequantised_per_token_bytes");
  EXPECT_EQ(geometry_from_json(json).vision_weights, Bytes());
  EXPECT_EQ(geometry_from_json(json).kv_per_token_quantised, Bytes());
}

std::uint32_t below(std::mt19937& random, std::uint32_t end) {
  return static_cast<std::uint32_t>(random() % end);
}

/// Each proposal of a refusal must do what it says.
TEST(Plan, EveryProposalFits) {
  std::mt19937 random(7);
  int proposals = 0;
  for (int round = 0; round < 200; ++round) {
    Geometry geometry = test::small_geometry();
    geometry.kv_per_token = Bytes(random() % 200'000);
    geometry.prefill_per_token = Bytes(random() % 200'000);
    Workload workload = test::small_workload();
    workload.pictures = {test::picture_of(64 + below(random, 700))};
    for (const std::uint32_t side : {64U, 128U, 256U, 512U}) {
      workload.smaller.push_back({side, test::picture_of(side)});
    }
    Budget budget = test::budget_of(Bytes((100U + random() % 300) << 20U));
    budget.capacity = 1_GiB;
    const Admission admission = admit(make_plan(geometry, workload), budget);
    for (const Change& change : admission.changes) {
      ++proposals;
      const bool raises = change.flag.starts_with("--memory ");
      EXPECT_LE(change.needs, raises ? *budget.capacity : budget.limit) << change.flag << "\n"
                                                                        << admission.text;
    }
  }
  EXPECT_GT(proposals, 100);
}

TEST(Plan, ToJsonHasEveryPhaseAndTheComparedSums) {
  const Plan plan = make_plan(test::small_geometry(), test::small_workload());
  const Json json = to_json(plan);
  EXPECT_EQ(json.at("worst_phase"), "encode");
  EXPECT_EQ(json.at("required_bytes"), plan.required().count());
  EXPECT_EQ(json.at("phases").size(), 4U);
  EXPECT_EQ(to_json(admit(plan, test::budget_of(1_GiB))).at("fits"), true);
}

}  // namespace
}  // namespace headroom::memory
