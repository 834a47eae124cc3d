#include "memory/cleanup_policy.h"

#include <gtest/gtest.h>

#include <random>

#include "memory/policies.h"
#include "memory/policies/adaptive.h"
#include "memory/policies/periodic.h"

namespace headroom::memory {
namespace {

Usage at(std::uint64_t held, std::uint64_t reclaimable = 0) {
  return {Bytes(held << 20U), Bytes(reclaimable << 20U), 1000_MiB};
}

GroupUsage group(std::optional<Usage> after, std::uint32_t questions = 1) {
  return {questions, 1, after};
}

CleanUp cleanup(Usage before, Usage after) { return judge(Clean::kNormal, before, after); }

TEST(PeriodicPolicy, CleansEveryFiveQuestions) {
  PeriodicPolicy policy(PeriodicPolicy::Unit::kQuestions, PeriodicPolicy::kQuestions);
  History history;
  std::vector<int> cleaned;
  for (int question = 1; question <= 20; ++question) {
    history.add(group(at(100)));
    const CleanDecision decision = policy.decide(history);
    if (decision.clean != Clean::kNone) {
      EXPECT_EQ(decision.clean, Clean::kNormal);
      EXPECT_EQ(decision.reason, "5 questions since the last clean-up, every 5");
      cleaned.push_back(question);
      history.add(cleanup(at(100), at(90)));
    }
  }
  EXPECT_EQ(cleaned, (std::vector<int>{5, 10, 15, 20}));
}

TEST(PeriodicPolicy, CountsEveryQuestionOfAGroup) {
  PeriodicPolicy policy(PeriodicPolicy::Unit::kQuestions, 5);
  History history;
  history.add(group(at(100), 10));
  EXPECT_EQ(policy.decide(history).clean, Clean::kNormal);
}

TEST(PeriodicPolicy, CleansEveryThreePicturesWhateverTheQuestions) {
  PeriodicPolicy policy(PeriodicPolicy::Unit::kPictures, PeriodicPolicy::kPictures);
  History history;
  history.add(group(at(100), 50));
  history.add(group(at(100), 50));
  EXPECT_EQ(policy.decide(history).clean, Clean::kNone);
  history.add(group(at(100), 1));
  EXPECT_EQ(policy.decide(history).clean, Clean::kNormal);
}

TEST(PeriodicPolicy, ZeroIsNever) {
  PeriodicPolicy policy(PeriodicPolicy::Unit::kQuestions, 0);
  History history;
  history.add(group(at(100), 1000));
  EXPECT_EQ(policy.decide(history).clean, Clean::kNone);
}

TEST(AdaptivePolicy, IsAggressiveAboveTheHighMark) {
  AdaptivePolicy policy;
  History history;
  history.add(group(at(799)));
  EXPECT_EQ(policy.decide(history).clean, Clean::kNone);
  history.add(group(at(800)));
  const CleanDecision decision = policy.decide(history);
  EXPECT_EQ(decision.clean, Clean::kAggressive);
  EXPECT_NE(decision.reason.find("800.0 MiB of 1000.0 MiB held (80.0 %)"), std::string::npos)
      << decision.reason;
}

TEST(AdaptivePolicy, StaysPressedUntilBelowTheLowMark) {
  AdaptivePolicy policy;
  History history;
  history.add(group(at(810)));
  policy.decide(history);
  history.add(cleanup(at(810), at(750)));
  history.add(group(at(750)));
  EXPECT_EQ(policy.decide(history).clean, Clean::kAggressive);
  history.add(cleanup(at(750), at(699)));
  history.add(group(at(699)));
  EXPECT_EQ(policy.decide(history).clean, Clean::kNone);
  EXPECT_FALSE(policy.pressed());
  history.add(group(at(790)));
  EXPECT_EQ(policy.decide(history).clean, Clean::kNone);
}

TEST(AdaptivePolicy, TheCacheIsNeverPressure) {
  AdaptivePolicy policy;
  History history;
  history.add(group(at(300, 690)));
  const CleanDecision decision = policy.decide(history);
  EXPECT_EQ(decision.clean, Clean::kNormal);
  EXPECT_FALSE(policy.pressed());
  EXPECT_NE(decision.reason.find("cache in the way"), std::string::npos);
  EXPECT_EQ(decision.reason.find("pressure"), std::string::npos);
}

TEST(AdaptivePolicy, ACacheBelowTheMarkIsLeftAlone) {
  AdaptivePolicy policy;
  History history;
  history.add(group(at(300, 499)));
  EXPECT_EQ(policy.decide(history).clean, Clean::kNone);
}

TEST(AdaptivePolicy, ACleanUpInVainIsNotRepeatedAtOnce) {
  AdaptivePolicy policy;
  History history;
  std::vector<int> cleaned;
  for (int round = 1; round <= 100; ++round) {
    history.add(group(at(900)));
    if (policy.decide(history).clean != Clean::kNone) {
      cleaned.push_back(round);
      history.add(cleanup(at(900), at(900)));
    }
  }
  // After n in a row it waits 2^n groups, 32 at most.
  EXPECT_EQ(cleaned, (std::vector<int>{1, 3, 7, 15, 31, 63, 95}));
}

TEST(AdaptivePolicy, GrowthEndsThePause) {
  AdaptivePolicy policy;
  History history;
  for (int round = 0; round < 4; ++round) {
    history.add(group(at(900)));
    history.add(cleanup(at(900), at(900)));
  }
  history.add(group(at(910)));
  const CleanDecision paused = policy.decide(history);
  EXPECT_EQ(paused.clean, Clean::kNone);
  EXPECT_NE(paused.reason.find("pausing"), std::string::npos);
  history.add(group(at(920)));
  EXPECT_EQ(policy.decide(history).clean, Clean::kAggressive);
}

TEST(AdaptivePolicy, GivingTheCacheBackDoesNotCountAsRelief) {
  AdaptivePolicy policy;
  History history;
  history.add(group(at(850, 100)));
  EXPECT_EQ(policy.decide(history).clean, Clean::kAggressive);
  history.add(judge(Clean::kAggressive, at(850, 100), at(850)));
  // The cache is full again: giving it back helps, three cycles would not.
  history.add(group(at(850, 100)));
  EXPECT_EQ(policy.decide(history).clean, Clean::kNormal);
}

TEST(AdaptivePolicy, WithoutReadingsItDoesNothing) {
  AdaptivePolicy policy;
  History history;
  history.add(group(std::nullopt));
  EXPECT_EQ(policy.decide(history).clean, Clean::kNone);
}

TEST(AdaptivePolicy, NoiseAroundTheMarkDoesNotFlap) {
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    AdaptivePolicy policy;
    History history;
    int changes = 0;
    bool pressed = false;
    for (int round = 0; round < 500; ++round) {
      history.add(group(at(770 + random() % 60)));  // 77.0 to 82.9 %
      policy.decide(history);
      changes += policy.pressed() != pressed ? 1 : 0;
      pressed = policy.pressed();
    }
    EXPECT_LE(changes, 1) << "seed " << seed;
  }
}

TEST(CleanupPolicy, NeverCleansAgainBeforeAGroupWasAsked) {
  AdaptivePolicy policy;
  History history;
  history.add(group(at(900)));
  ASSERT_EQ(policy.decide(history).clean, Clean::kAggressive);
  history.add(cleanup(at(900), at(850)));
  EXPECT_EQ(policy.decide(history).clean, Clean::kNone);
  EXPECT_EQ(policy.decide(history, {at(880), 990_MiB, 880_MiB}).clean, Clean::kNone);
  history.add(group(at(880)));
  EXPECT_EQ(policy.decide(history).clean, Clean::kAggressive);
}

TEST(AdaptivePolicy, ACacheThatYieldsIsNeverInTheWay) {
  AdaptiveSettings settings;
  settings.cache_yields = true;
  AdaptivePolicy policy(settings);
  History history;
  history.add(group(at(300, 690)));
  EXPECT_EQ(policy.decide(history).clean, Clean::kNone);
  history.add(group(at(810, 100)));
  EXPECT_EQ(policy.decide(history).clean, Clean::kAggressive);
}

TEST(CompositePolicy, TakesTheStrongestAndJoinsTheReasons) {
  const auto policy = default_policy({.every_questions = 5});
  History history;
  history.add(group(at(850), 10));
  const CleanDecision decision = policy->decide(history);
  EXPECT_EQ(decision.clean, Clean::kAggressive);
  EXPECT_EQ(decision.policy, "adaptive + periodic");
  EXPECT_EQ(decision.reason.find("pressure: "), 0U) << decision.reason;
  EXPECT_NE(decision.reason.find("; 10 questions since"), std::string::npos) << decision.reason;
}

TEST(CompositePolicy, OnePolicyAloneSpeaksForItself) {
  const auto policy = default_policy({.every_questions = 5});
  History history;
  history.add(group(at(100), 5));
  const CleanDecision decision = policy->decide(history);
  EXPECT_EQ(decision.clean, Clean::kNormal);
  EXPECT_EQ(decision.policy, "periodic");
}

TEST(CompositePolicy, WhyNothingWasDoneIsKept) {
  const auto policy = default_policy();
  History history;
  history.add(group(at(900)));
  history.add(cleanup(at(900), at(900)));
  history.add(group(at(900)));
  policy->decide(history);
  const CleanDecision decision = policy->decide(history);
  EXPECT_EQ(decision.clean, Clean::kNone);
  EXPECT_NE(decision.reason.find("pausing"), std::string::npos) << decision.reason;
}

TEST(CleanUp, IsJudgedByWhatCameBack) {
  const CleanUp good = judge(Clean::kNormal, at(500, 100), at(490, 0));
  EXPECT_EQ(good.freed, 110_MiB);
  EXPECT_FALSE(good.fruitless);
  EXPECT_FALSE(good.unrelieved);
  const CleanUp cache = judge(Clean::kNormal, at(500, 100), at(500, 0));
  EXPECT_FALSE(cache.fruitless);
  EXPECT_TRUE(cache.unrelieved);
  const CleanUp little = judge(Clean::kNormal, at(500, 4), at(500, 0));
  EXPECT_TRUE(little.fruitless);
  const CleanUp grew = judge(Clean::kNormal, at(500), at(600));
  EXPECT_EQ(grew.freed, Bytes());
  EXPECT_TRUE(grew.fruitless);
  EXPECT_TRUE(judge(Clean::kNormal, std::nullopt, at(1)).fruitless);
}

TEST(History, GrowthIsCountedFromTheFirstGroupOrTheLastCleanUp) {
  History history;
  EXPECT_FALSE(history.resting().has_value());
  history.add(group(at(100)));
  history.add(group(at(300)));
  EXPECT_EQ(history.resting()->held, 100_MiB);
  history.add(cleanup(at(300), at(150)));
  history.add(group(at(200)));
  EXPECT_EQ(history.resting()->held, 150_MiB);
}

TEST(History, IsBounded) {
  History history;
  for (int round = 0; round < 10'000; ++round) {
    history.add(group(at(1)));
  }
  EXPECT_EQ(history.groups().size(), 256U);
  EXPECT_EQ(history.questions(), 10'000U);
}

TEST(Usage, TheCacheOfAnEngineIsNoLargerThanItsProcess) {
  Reading reading;
  reading.worker_footprint = 100_MiB;
  reading.cache = 300_MiB;
  const auto now = usage(reading, Counter::kFootprint, 1_GiB);
  ASSERT_TRUE(now.has_value());
  EXPECT_EQ(now->held, Bytes());
  EXPECT_EQ(now->reclaimable, 100_MiB);
}

TEST(Usage, OnADeviceTheAllocatorCounts) {
  Reading reading;
  reading.worker_footprint = 100_MiB;
  reading.active = 7_GiB;
  reading.cache = 1_GiB;
  const auto now = usage(reading, Counter::kDevice, 10_GiB);
  ASSERT_TRUE(now.has_value());
  EXPECT_EQ(now->held, 7_GiB);
  EXPECT_DOUBLE_EQ(now->pressure(), 0.7);
  EXPECT_FALSE(usage(Reading(), Counter::kDevice, 1_GiB).has_value());
}

}  // namespace
}  // namespace headroom::memory
