#include "memory/governor.h"

#include <gtest/gtest.h>

#include "memory/policies.h"
#include "plan_support.h"
#include "support/fake_clock.h"
#include "support/scripted_source.h"

namespace headroom::memory {
namespace {

using Kind = MemoryEvent::Kind;

/// A governor over a machine whose figures the test sets by hand.
class GovernorTest : public ::testing::Test {
 protected:
  GovernorTest() {
    workload_.batch = 8;
    workload_.text_tokens = 40;
    workload_.max_tokens = 20;
    workload_.supervisor = 12_MiB;
    workload_.allocator_cache = Bytes();
    workload_.decode_ahead = false;
    workload_.pictures = {test::picture_of(256)};
    source_.now = test::footprints(12_MiB, 60_MiB);
    source_.now.system_available = 16_GiB;
  }

  Governor& start(Bytes limit, std::unique_ptr<CleanupPolicy> policy = default_policy()) {
    const Geometry geometry = test::small_geometry();
    governor_ =
        std::make_unique<Governor>(test::budget_of(limit),
                                   make_plan(geometry, workload_),
                                   settings_,
                                   std::move(policy),
                                   sampler_,
                                   clock_,
                                   [this](const MemoryEvent& event) { events_.push_back(event); });
    return *governor_;
  }

  void set_worker(Bytes footprint, Bytes active, Bytes cache) {
    source_.now.worker_footprint = footprint;
    worker_.active = active;
    worker_.cache = cache;
  }

  void load(Governor& governor) {
    governor.before_load(worker_);
    set_worker(60_MiB + 29_MiB, 29_MiB, Bytes());
    governor.after_load(worker_, 1.5);
  }

  GroupFacts facts(std::string id = "g1") const {
    return {std::move(id), workload_.pictures, std::vector<PictureCost>(), false, 8, 40, 20, {}};
  }

  const MemoryEvent* last(Kind kind) const {
    const MemoryEvent* found = nullptr;
    for (const MemoryEvent& event : events_) {
      found = event.kind == kind ? &event : found;
    }
    return found;
  }

  std::size_t count(Kind kind) const {
    return static_cast<std::size_t>(std::count_if(
        events_.begin(), events_.end(), [kind](const auto& event) { return event.kind == kind; }));
  }

  testing::FakeClock clock_;
  test::ScriptedSource source_;
  Sampler sampler_{source_};
  Workload workload_;
  GovernorSettings settings_;
  Reading worker_;
  std::vector<MemoryEvent> events_;
  std::unique_ptr<Governor> governor_;
};

TEST_F(GovernorTest, RecordsBudgetPlanAndLoad) {
  Governor& governor = start(512_MiB);
  load(governor);
  ASSERT_EQ(events_.size(), 3U);
  EXPECT_EQ(events_[0].kind, Kind::kBudget);
  EXPECT_EQ(events_[1].kind, Kind::kPlan);
  EXPECT_EQ(events_[1].numbers.at("planned_peak_bytes"), governor.plan().planned_peak().count());
  EXPECT_EQ(events_[2].kind, Kind::kLoad);
  EXPECT_EQ(events_[2].time, clock_.wall());
  // The libraries, which may grow by 16 MiB, are counted on both sides.
  EXPECT_EQ(events_[2].reason,
            "loaded: 101.0 MiB held at rest by supervisor and worker, 117.0 MiB planned for the "
            "same");
  EXPECT_EQ(events_[2].numbers.at("planned_bytes"), (117_MiB).count());
}

TEST_F(GovernorTest, TheWallFollowsTheBudgetAndIsNotedWhenItMovesFar) {
  Governor& governor = start(512_MiB);
  EXPECT_EQ(governor.move_wall("a holder"), 500_MiB);
  EXPECT_EQ(governor.move_wall("a holder"), std::nullopt) << "it stands there";
  source_.now.supervisor_footprint = 20_MiB;
  EXPECT_EQ(governor.move_wall("a holder"), 492_MiB);
  ASSERT_EQ(count(Kind::kWall), 1U) << "a step of less than a twentieth";
  EXPECT_EQ(last(Kind::kWall)->detail, "a holder");
  EXPECT_EQ(last(Kind::kWall)->numbers.at("limit_bytes"), (500_MiB).count());
  source_.now.system_available = 200_MiB;
  EXPECT_EQ(governor.move_wall("a holder"), 260_MiB);
  EXPECT_EQ(count(Kind::kWall), 2U);
}

TEST_F(GovernorTest, AGroupThatFitsIsAskedAsWished) {
  Governor& governor = start(512_MiB);
  load(governor);
  const GroupDecision decision = governor.before_group(facts());
  EXPECT_TRUE(decision.fits);
  EXPECT_EQ(decision.limits.batch, 8U);
  EXPECT_EQ(decision.limits.prefill_chunk, 0U);
  EXPECT_TRUE(decision.rung.empty());
  EXPECT_EQ(decision.clean_first.clean, Clean::kNone);
  EXPECT_EQ(count(Kind::kRung), 0U);
}

TEST_F(GovernorTest, TheGuardLeavesRoomForWhatTheAllocatorDoesNotHold) {
  Governor& governor = start(512_MiB);
  load(governor);
  // 12 MiB of supervisor and 60 MiB of the worker's 89 are outside the allocator.
  EXPECT_EQ(governor.before_group(facts()).limits.memory, 440_MiB);
}

TEST_F(GovernorTest, TheGuardLeavesTheRoomOfThePlanWhereAHeapKeepsAReleasedTowersPages) {
  workload_.pictures = {test::picture_of(64)};
  const Bytes needed = 29_MiB + workload_.pictures[0].encode;
  int tight = 0;
  for (std::uint64_t mib = 118; mib <= 140; ++mib) {
    source_.now = test::footprints(12_MiB, 60_MiB);
    source_.now.system_available = 16_GiB;
    worker_ = Reading();
    Governor& governor = start(Bytes(mib << 20U));
    load(governor);
    governor.before_group(facts());
    // Without the tower's 11 MiB of arrays; its pages are still the process's.
    set_worker(60_MiB + 16_MiB + 29_MiB, 18_MiB, Bytes());
    governor.after_group(facts(), 8, worker_);
    const GroupDecision decision = governor.before_group(facts("g2"));
    if (decision.fits) {
      tight += Bytes(mib << 20U) - 99_MiB < needed ? 1 : 0;  // less what stands outside
      EXPECT_GE(*decision.limits.memory, needed) << mib;
    }
  }
  EXPECT_GT(tight, 0) << "that was the case to look at";
}

TEST_F(GovernorTest, AGroupBeyondTheContextIsLeftToTheEngineAndRefusedOnceItHasAllocated) {
  Governor& governor = start(130_MiB);
  load(governor);
  GroupFacts longer = facts();
  longer.pictures.clear();
  longer.questions = 1;
  longer.text_tokens = 40'000;  // its plan is that of the whole context
  EXPECT_FALSE(governor.before_group(longer).fits);
  longer.beyond_context = true;
  const GroupDecision decision = governor.before_group(longer);
  EXPECT_TRUE(decision.fits);
  EXPECT_LT(*decision.limits.memory, 130_MiB) << "the guard holds the limit";
  longer.beyond_context = false;
  EXPECT_FALSE(governor.after_stop(longer, "the guard said no").fits);
}

TEST_F(GovernorTest, ATightBudgetReducesTheBatchAndSaysSo) {
  workload_.pictures.clear();
  workload_.text_tokens = 400;
  workload_.max_tokens = 1000;
  Governor& governor = start(170_MiB);
  load(governor);
  const GroupDecision decision =
      governor.before_group({"g1", {}, std::vector<PictureCost>(), false, 8, 400, 1000, {}});
  EXPECT_TRUE(decision.fits) << decision.reason;
  EXPECT_LT(decision.limits.batch, 8U);
  ASSERT_NE(last(Kind::kRung), nullptr);
  EXPECT_NE(last(Kind::kRung)->detail.find("batch 8 -> "), std::string::npos);
  EXPECT_EQ(last(Kind::kRung)->group, "g1");
}

TEST_F(GovernorTest, AGroupThatCannotFitIsRefusedWithTheNumbers) {
  Governor& governor = start(200_MiB);
  load(governor);
  GroupFacts large = facts("huge");
  large.pictures = {test::picture_of(4000)};
  const GroupDecision decision = governor.before_group(large);
  EXPECT_FALSE(decision.fits);
  EXPECT_NE(decision.reason.find("> budget 200.0 MiB"), std::string::npos) << decision.reason;
  ASSERT_NE(last(Kind::kRefuse), nullptr);
  EXPECT_EQ(last(Kind::kRefuse)->group, "huge");
  EXPECT_EQ(governor.summary().refused, 1U);
  EXPECT_TRUE(governor.before_group(facts("next")).fits);
}

TEST_F(GovernorTest, WhatLoadingTookBeyondItsPlanIsTakenFromEveryGroup) {
  Governor& governor = start(512_MiB);
  governor.before_load(worker_);
  set_worker(189_MiB, 29_MiB, Bytes());
  governor.after_load(worker_, 1.0);
  const Bytes planned = make_plan(test::small_geometry(), workload_).planned_peak();
  // Of the 100 MiB the libraries' growth of 16 was planned.
  EXPECT_EQ(governor.before_group(facts()).planned_peak, planned + 84_MiB);
}

TEST_F(GovernorTest, WhatAnEngineReservesIsNotBeyondThePlan) {
  Geometry geometry = test::small_geometry();
  geometry.reserved = {4, 40_MiB, 10_MiB, 5_MiB};
  Governor governor(test::budget_of(512_MiB),
                    make_plan(geometry, workload_),
                    settings_,
                    default_policy(),
                    sampler_,
                    clock_,
                    [](const MemoryEvent&) {});
  governor.before_load(worker_);
  const Bytes planned = geometry.engine + geometry.engine_growth + geometry.weights + 55_MiB;
  set_worker(planned, Bytes(), Bytes());
  governor.after_load(worker_, 1.0);
  EXPECT_EQ(governor.before_group(facts()).planned_peak,
            make_plan(geometry, workload_).planned_peak());
  set_worker(planned + 30_MiB, Bytes(), Bytes());
  governor.after_group(facts(), 8, worker_);
  EXPECT_EQ(governor.before_group(facts()).planned_peak,
            make_plan(geometry, workload_).planned_peak() + 30_MiB);
}

TEST_F(GovernorTest, WhatIsHeldForTheNextTurnIsNotBeyondThePlan) {
  Governor& governor = start(512_MiB);
  load(governor);
  const Bytes planned = governor.before_group(facts()).planned_peak;
  set_worker(165_MiB, 29_MiB, Bytes());
  governor.after_group(facts(), 1, worker_);
  const Bytes leftovers = governor.before_group(facts("g2")).planned_peak - planned;
  ASSERT_GT(leftovers, 40_MiB);
  governor.after_group(facts("g2"), 1, worker_, 40_MiB);
  EXPECT_EQ(governor.before_group(facts("g3")).planned_peak, planned + leftovers - 40_MiB);
  governor.after_group(facts("g3"), 1, worker_);
  EXPECT_EQ(governor.before_group(facts("g4")).planned_peak, planned + leftovers);
}

TEST_F(GovernorTest, WhatIsHeldForTheNextTurnIsGoneAfterACleanUpAndAfterAStop) {
  Governor& governor = start(512_MiB);
  load(governor);
  set_worker(165_MiB, 29_MiB, Bytes());
  governor.before_group(facts());
  governor.after_group(facts(), 1, worker_);
  const Bytes leftovers = governor.before_group(facts()).planned_peak;
  governor.after_group(facts(), 1, worker_, 40_MiB);
  governor.after_cleanup({Clean::kNormal, "test", ""}, worker_, worker_);
  EXPECT_EQ(governor.before_group(facts()).planned_peak, leftovers);
  governor.after_group(facts(), 1, worker_, 40_MiB);
  governor.before_group(facts());
  governor.after_stop(facts(), "E-MEM-GUARD");
  governor.after_group(facts(), 1, worker_, Bytes());
  EXPECT_EQ(governor.before_group(facts()).planned_peak, leftovers);
}

TEST_F(GovernorTest, CleansBeforeAGroupThatLeftoversWouldReduce) {
  Governor& governor = start(180_MiB);
  load(governor);
  ASSERT_EQ(governor.before_group(facts()).clean_first.clean, Clean::kNone);
  set_worker(165_MiB, 29_MiB, Bytes());  // 60 MiB beyond the plan's resting use
  governor.after_group(facts(), 1, worker_);
  const GroupDecision first = governor.before_group(facts("g2"));
  EXPECT_EQ(first.clean_first.clean, Clean::kNormal);
  EXPECT_EQ(first.clean_first.policy, "admission");
  set_worker(105_MiB, 29_MiB, Bytes());
  governor.after_cleanup(first.clean_first, worker_, worker_);
  const GroupDecision second = governor.before_group(facts("g2"));
  EXPECT_TRUE(second.fits);
  EXPECT_EQ(second.clean_first.clean, Clean::kNone);
}

TEST_F(GovernorTest, ACleanUpInVainIsNotAskedForAgainBeforeTheSameGroup) {
  Governor& governor = start(180_MiB);
  load(governor);
  set_worker(165_MiB, 29_MiB, Bytes());
  governor.after_group(facts(), 1, worker_);
  int cleanups = 0;
  GroupDecision decision = governor.before_group(facts("g2"));
  while (decision.clean_first.clean != Clean::kNone && cleanups < 10) {
    ++cleanups;
    governor.after_cleanup(decision.clean_first, worker_, worker_);
    decision = governor.before_group(facts("g2"));
  }
  EXPECT_EQ(cleanups, 1);
}

TEST_F(GovernorTest, ThePeriodicCleanUpComesAfterFiveQuestions) {
  Governor& governor = start(512_MiB, default_policy({.every_questions = 5}));
  load(governor);
  governor.before_group(facts());
  EXPECT_EQ(governor.after_group(facts(), 4, worker_).clean, Clean::kNone);
  governor.before_group(facts("g2"));
  const CleanDecision decision = governor.after_group(facts("g2"), 1, worker_);
  EXPECT_EQ(decision.clean, Clean::kNormal);
  Reading before = worker_;
  before.worker_footprint = source_.now.worker_footprint;
  source_.now.worker_footprint = 80_MiB;
  const CleanUp result = governor.after_cleanup(decision, before, worker_);
  EXPECT_EQ(result.freed, 9_MiB);
  ASSERT_NE(last(Kind::kClean), nullptr);
  EXPECT_EQ(last(Kind::kClean)->detail, "normal");
  EXPECT_EQ(last(Kind::kClean)->freed, static_cast<std::int64_t>((9_MiB).count()));
  EXPECT_EQ(last(Kind::kClean)->reason, "periodic: 5 questions since the last clean-up, every 5");
  EXPECT_EQ(governor.summary().cleanups, 1U);
}

TEST_F(GovernorTest, WhatWasHeldForTheNextTurnIsNoMeritOfACleanUp) {
  Governor& governor = start(512_MiB, default_policy({.every_questions = 1}));
  load(governor);
  governor.before_group(facts());
  Reading before = worker_;
  before.worker_footprint = source_.now.worker_footprint;
  const CleanDecision decision = governor.after_group(facts(), 1, before, 20_MiB);
  ASSERT_EQ(decision.clean, Clean::kNormal);
  source_.now.worker_footprint = *before.worker_footprint - 20_MiB;
  const CleanUp result = governor.after_cleanup(decision, before, worker_);
  EXPECT_EQ(result.freed, Bytes());
  EXPECT_TRUE(result.fruitless);
  EXPECT_EQ(last(Kind::kClean)->numbers.at("held_dropped_bytes"), (20_MiB).count());
}

TEST_F(GovernorTest, PressureAsksForThreeCycles) {
  Governor& governor = start(512_MiB);
  load(governor);
  governor.before_group(facts());
  set_worker(430_MiB, 370_MiB, 5_MiB);
  EXPECT_EQ(governor.after_group(facts(), 1, worker_).clean, Clean::kAggressive);
}

TEST_F(GovernorTest, TheGroupsPeakIsSetAgainstItsPlan) {
  Governor& governor = start(512_MiB);
  load(governor);
  const GroupDecision decision = governor.before_group(facts());
  source_.now.worker_footprint = 140_MiB;
  sampler_.tick();
  source_.now.worker_footprint = 90_MiB;
  governor.after_group(facts(), 1, worker_);
  const MemoryEvent* group = last(Kind::kGroup);
  ASSERT_NE(group, nullptr);
  EXPECT_EQ(group->numbers.at("measured_peak_bytes"), (152_MiB).count());
  EXPECT_EQ(group->numbers.at("planned_peak_bytes"), decision.planned_peak.count());
}

TEST_F(GovernorTest, ABrokenBudgetIsNeverSilent) {
  Governor& governor = start(512_MiB);
  load(governor);
  governor.before_group(facts());
  source_.now.worker_footprint = 600_MiB;
  sampler_.tick();
  source_.now.worker_footprint = 90_MiB;
  governor.after_group(facts(), 1, worker_);
  ASSERT_EQ(count(Kind::kBroken), 1U);
  EXPECT_EQ(last(Kind::kBroken)->reason,
            "peak 612.0 MiB (footprint) exceeds budget 512.0 MiB by 100.0 MiB");
  EXPECT_FALSE(governor.summary().budget_kept);
  governor.before_group(facts("g2"));
  governor.after_group(facts("g2"), 1, worker_);
  EXPECT_EQ(count(Kind::kBroken), 1U);
}

TEST_F(GovernorTest, AMachineThatShrinksTightensTheBudgetAndSaysSoOnce) {
  Governor& governor = start(512_MiB);
  load(governor);
  source_.now.system_available = 150_MiB;
  EXPECT_LT(*governor.before_group(facts()).limits.memory, 440_MiB);
  governor.before_group(facts("g2"));
  ASSERT_EQ(count(Kind::kPressure), 1U);
  EXPECT_TRUE(last(Kind::kPressure)->reason.starts_with("tightened: may use 251.0 MiB"))
      << last(Kind::kPressure)->reason;
  source_.now.system_available = 16_GiB;
  governor.before_group(facts("g3"));
  ASSERT_EQ(count(Kind::kPressure), 2U);
  EXPECT_TRUE(last(Kind::kPressure)->reason.starts_with("eased"));
}

TEST_F(GovernorTest, UnloadingIsProvedByWhatCameBack) {
  Governor& governor = start(512_MiB);
  load(governor);
  const Reading before = worker_;
  set_worker(65_MiB, Bytes(), Bytes());
  const Unloading result = governor.after_unload(before, worker_);
  EXPECT_TRUE(result.proved) << result.text;
  EXPECT_EQ(result.returned, static_cast<std::int64_t>((24_MiB).count()));
  EXPECT_EQ(result.left, static_cast<std::int64_t>((5_MiB).count()));
}

TEST_F(GovernorTest, UnloadingThatKeepsArraysIsNotProved) {
  Governor& governor = start(512_MiB);
  load(governor);
  const Reading before = worker_;
  set_worker(65_MiB, 1_MiB, Bytes());
  EXPECT_FALSE(governor.after_unload(before, worker_).proved);
}

TEST_F(GovernorTest, UnloadingThatKeepsTheFootprintIsNotProved) {
  Governor& governor = start(512_MiB);
  load(governor);
  set_worker(160_MiB, Bytes(), Bytes());
  const Unloading result = governor.after_unload(worker_, worker_);
  EXPECT_FALSE(result.proved);
  EXPECT_NE(result.text.find("NOT"), std::string::npos);
  EXPECT_EQ(last(Kind::kUnload)->detail, "not proved");
}

TEST_F(GovernorTest, LoadLimitsLeaveRoomOutsideTheAllocator) {
  workload_.allocator_cache = 32_MiB;
  Governor& governor = start(512_MiB);
  const LoadLimits limits = governor.load_limits();
  EXPECT_EQ(limits.memory, 512_MiB - 12_MiB - 60_MiB - 16_MiB - governor.plan().reserve);
  EXPECT_EQ(limits.cache, 32_MiB);
}

TEST_F(GovernorTest, WhereThePlanLeavesNothingFreeTheCacheIsAsPlanned) {
  workload_.allocator_cache = 3_MiB;
  Governor& governor = start(100_MiB);
  EXPECT_EQ(governor.load_limits().cache, 3_MiB);
  workload_.pictures.clear();
  workload_.allocator_cache = 32_MiB;
  // Without pictures hardly anything is freed, and a budget that is too small has no room beside.
  EXPECT_LT(start(100_MiB).load_limits().cache, 10_MiB);
}

TEST_F(GovernorTest, ADevicesCacheStaysAsPlannedToo) {
  workload_.counter = Counter::kDevice;
  Budget budget = test::budget_of(10_GiB);
  budget.counter = Counter::kDevice;
  const Governor governor(budget,
                          make_plan(test::small_geometry(), workload_),
                          {},
                          default_policy(),
                          sampler_,
                          clock_,
                          nullptr);
  EXPECT_LE(governor.load_limits().cache, workload_.allocator_cache);
}

TEST_F(GovernorTest, OnADeviceTheAllocatorsPeakIsMeasured) {
  workload_.counter = Counter::kDevice;
  Budget budget = test::budget_of(1_GiB);
  budget.counter = Counter::kDevice;
  Governor governor(budget,
                    make_plan(test::small_geometry(), workload_),
                    {},
                    default_policy(),
                    sampler_,
                    clock_,
                    nullptr);
  worker_.active = 100_MiB;
  worker_.cache = 50_MiB;
  worker_.peak = 700_MiB;
  governor.before_load(worker_);
  governor.after_load(worker_, 1);
  EXPECT_EQ(governor.summary().measured_peak, 700_MiB);
  EXPECT_TRUE(governor.summary().budget_kept);
}

TEST_F(GovernorTest, OnADeviceQueuedWorkIsThrottledToWhatIsPlanned) {
  Governor& on_host = start(1_GiB);
  load(on_host);
  EXPECT_FALSE(on_host.before_group(facts()).limits.throttle);

  workload_.counter = Counter::kDevice;
  Budget budget = test::budget_of(1_GiB);
  budget.counter = Counter::kDevice;
  Governor on_device(budget,
                     make_plan(test::small_geometry(), workload_),
                     {},
                     default_policy(),
                     sampler_,
                     clock_,
                     nullptr);
  load(on_device);
  const GroupDecision decision = on_device.before_group(facts());
  const Bytes held = *worker_.active;
  EXPECT_EQ(decision.limits.throttle, held + scaled(decision.planned_peak - held, 0.5));
  EXPECT_LT(decision.limits.throttle, decision.limits.memory);
}

TEST_F(GovernorTest, OnADeviceThatFillsUpLessIsKeptForReuseBeforeAnythingIsRefused) {
  workload_.counter = Counter::kDevice;
  workload_.allocator_cache = 600_MiB;
  Budget budget = test::budget_of(2_GiB);
  budget.counter = Counter::kDevice;
  Governor governor(budget,
                    make_plan(test::small_geometry(), workload_),
                    {},
                    default_policy(),
                    sampler_,
                    clock_,
                    {});
  load(governor);
  const GroupDecision ample = governor.before_group(facts());
  EXPECT_EQ(ample.limits.cache, 600_MiB);
  EXPECT_TRUE(ample.rung.empty()) << ample.rung;
  worker_.device_free = 200_MiB;
  governor.after_group(facts(), 1, worker_);
  const GroupDecision short_of = governor.before_group(facts());
  EXPECT_TRUE(short_of.fits) << short_of.reason;
  EXPECT_EQ(short_of.limits.cache, kLeastCache);
  EXPECT_EQ(short_of.rung, "allocator cache 600.0 MiB -> 32.0 MiB");
  EXPECT_LT(short_of.limits.throttle, short_of.limits.memory);
}

TEST_F(GovernorTest, PagesThatAReleasedTowerLeavesBehindAreNotCountedBesideTheTower) {
  Geometry geometry = test::small_geometry();
  geometry.logits_per_row = 8_MiB;  // no rung but the tower's release (11 MiB) makes room for it
  workload_.pictures = {test::picture_of(64)};
  workload_.batch = 1;
  const GroupFacts group{
      "g1", workload_.pictures, std::vector<PictureCost>(), false, 1, 40, 20, {}};
  Workload least = workload_;
  least.text_tokens = group.text_tokens;
  least.max_tokens = group.max_tokens;
  least.ahead = group.ahead;
  const Rung lowest = Ladder(geometry, least).lowest();
  const Bytes limit = make_plan(geometry, lowest.workload).required() + 1_MiB;
  Governor governor(test::budget_of(limit),
                    make_plan(geometry, lowest.workload),
                    {},
                    default_policy(),
                    sampler_,
                    clock_,
                    {});
  load(governor);
  const GroupDecision first = governor.before_group(group);
  ASSERT_TRUE(first.fits) << first.reason;
  ASSERT_TRUE(first.limits.release_vision) << first.rung;
  // The tower is released, but the process keeps its pages.
  set_worker(60_MiB + 29_MiB, 18_MiB, Bytes());
  governor.after_group(group, 1, worker_);
  const GroupDecision second = governor.before_group(group);
  EXPECT_TRUE(second.fits) << second.reason;
}

TEST_F(GovernorTest, SwitchedOffItOnlyLooks) {
  settings_.on = false;
  Governor& governor = start(90_MiB);
  EXPECT_FALSE(governor.load_limits().memory);
  EXPECT_FALSE(governor.load_limits().cache);
  load(governor);
  const GroupDecision decision = governor.before_group(facts());
  EXPECT_TRUE(decision.fits);
  EXPECT_EQ(decision.limits.batch, 8U);
  EXPECT_FALSE(decision.limits.memory);
  EXPECT_EQ(governor.after_group(facts(), 8, worker_).clean, Clean::kNone);
  EXPECT_FALSE(governor.summary().budget_kept);
  EXPECT_EQ(count(Kind::kBroken), 1U);
}

TEST_F(GovernorTest, SwitchedOffAStoppedGroupIsNotAskedAgain) {
  settings_.on = false;
  Governor& governor = start(512_MiB);
  load(governor);
  ASSERT_TRUE(governor.before_group(facts()).fits);
  EXPECT_FALSE(governor.after_stop(facts(), "no memory").fits);
  EXPECT_FALSE(governor.move_wall("the kernel's limit"));
}

TEST_F(GovernorTest, AStoppedGroupGoesOnOnARungThatCostsClearlyLess) {
  Governor& governor = start(512_MiB);
  load(governor);
  const GroupFacts long_answers{"g1", {}, std::vector<PictureCost>(), false, 8, 400, 1000, {}};
  const GroupDecision first = governor.before_group(long_answers);
  ASSERT_TRUE(first.fits);
  const GroupDecision second = governor.after_stop(long_answers, "the guard said no");
  ASSERT_TRUE(second.fits) << second.reason;
  const Bytes rests = 12_MiB + 60_MiB + 16_MiB + 29_MiB;
  EXPECT_LE(second.planned_peak - rests, scaled(first.planned_peak - rests, 0.8));
  EXPECT_FALSE(second.rung.empty());
  EXPECT_NE(second.reason.find("the guard said no"), std::string::npos);
  ASSERT_NE(last(Kind::kRung), nullptr);
}

TEST_F(GovernorTest, WhatOthersTaughtDoesNotRefuseAGroupThatFitsByPlan) {
  Governor& governor = start(200_MiB);
  load(governor);
  governor.before_group(facts());
  governor.after_stop(facts(), "the worker died");
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(governor.before_group(facts("next")).fits) << i;
  }
}

TEST_F(GovernorTest, AGroupThatIsStoppedOnEveryRungIsRefusedInTheEnd) {
  Governor& governor = start(512_MiB);
  load(governor);
  GroupDecision decision = governor.before_group(facts());
  int stops = 0;
  while (decision.fits && stops < 100) {
    ++stops;
    decision = governor.after_stop(facts(), "again");
  }
  EXPECT_FALSE(decision.fits);
  EXPECT_LT(stops, 20);
  EXPECT_TRUE(governor.before_group(facts("another")).fits);
}

TEST_F(GovernorTest, ADeathMakesTheNextOfItsKindMoreCautious) {
  Governor& governor = start(512_MiB);
  load(governor);
  const Bytes before = governor.before_group(facts()).upper;
  governor.after_stop(facts(), "the worker died");
  EXPECT_GT(governor.before_group(facts("next")).upper, before);
}

TEST_F(GovernorTest, WhatIsLearntReplacesThePlanAndItsErrorIsOnRecord) {
  Governor& governor = start(512_MiB);
  load(governor);
  Bytes first;
  Bytes last_upper;
  for (int i = 0; i < 20; ++i) {
    const GroupDecision decision = governor.before_group(facts("g" + std::to_string(i)));
    first = i == 0 ? decision.upper : first;
    last_upper = decision.upper;
    set_worker(scaled(decision.planned_peak, 0.9) - 12_MiB, 29_MiB, Bytes());
    sampler_.tick();
    set_worker(89_MiB, 29_MiB, Bytes());
    governor.after_group(facts(), 8, worker_);
  }
  EXPECT_LT(last_upper, first);
  const PredictionRecord record = governor.summary().predictions;
  EXPECT_EQ(record.samples, 20U);
  EXPECT_LT(record.last_error(), record.first_error());
  ASSERT_NE(last(Kind::kGroup), nullptr);
  const Json& numbers = last(Kind::kGroup)->numbers;
  EXPECT_TRUE(numbers.contains("predicted_peak_bytes") && numbers.contains("error_percent"));
}

TEST_F(GovernorTest, EventsAndSummaryBecomeJson) {
  Governor& governor = start(512_MiB);
  load(governor);
  const Json event = to_json(events_.back());
  EXPECT_EQ(event.at("schema"), "headroom.memory/1");
  EXPECT_EQ(event.at("kind"), "load");
  EXPECT_EQ(event.at("time"), "2026-01-02T03:04:05.000Z");
  EXPECT_EQ(event.at("phase"), "idle");
  EXPECT_EQ(event.at("seconds"), 1.5);
  EXPECT_EQ(event.at("after").at("active_bytes"), (29_MiB).count());
  EXPECT_FALSE(event.contains("group"));
  const Json summary = to_json(governor.summary());
  EXPECT_EQ(summary.at("budget").at("limit_bytes"), (512_MiB).count());
  EXPECT_EQ(summary.at("peak_footprint_bytes"), (101_MiB).count());
  EXPECT_EQ(summary.at("budget_kept"), true);
}

}  // namespace
}  // namespace headroom::memory
