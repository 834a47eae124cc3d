#include "memory/policies.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "base/errors.h"

namespace headroom::memory {
namespace {

Usage at(std::uint64_t held, std::uint64_t reclaimable = 0, std::uint64_t limit = 1000) {
  return {Bytes(held << 20U), Bytes(reclaimable << 20U), Bytes(limit << 20U)};
}

/// A group of which the bound adds so much to what is in use.
Upcoming adding(const Usage& now, std::uint64_t mebibytes) {
  return {now, now.total() + Bytes(mebibytes << 20U), now.total()};
}

History after_first_group(const Usage& first) {
  History history;
  history.add(GroupUsage{1, 1, first});
  return history;
}

TEST(PredictivePolicy, CleansBeforeTheGroupThatWouldCross) {
  PredictivePolicy policy;
  History history = after_first_group(at(500));
  const Usage now = at(500, 200);
  EXPECT_EQ(policy.decide(history, adding(now, 300)).clean, Clean::kNone);
  const CleanDecision decision = policy.decide(history, adding(now, 301));
  EXPECT_EQ(decision.clean, Clean::kNormal);
  EXPECT_EQ(decision.policy, "predictive");
  EXPECT_EQ(decision.reason,
            "700.0 MiB in use and at most 301.0 MiB more for the next group are 1001.0 MiB of "
            "1000.0 MiB; to get back: 200.0 MiB cached, 0 B grown");
}

TEST(PredictivePolicy, WhatRestsIsNotCountedTwice) {
  PredictivePolicy policy;
  const History history = after_first_group(at(500));
  // A peak of 950 MiB, of which the 600 MiB that are in use are a part.
  EXPECT_EQ(policy.decide(history, {at(500, 100), 950_MiB, 600_MiB}).clean, Clean::kNone);
}

TEST(PredictivePolicy, IsAggressiveWhereTheCacheIsNotEnough) {
  PredictivePolicy policy;
  const History history = after_first_group(at(500));
  EXPECT_EQ(policy.decide(history, adding(at(700, 50), 350)).clean, Clean::kAggressive);
}

TEST(PredictivePolicy, DoesNothingWithoutAnythingToGetBack) {
  PredictivePolicy policy;
  const History history = after_first_group(at(700));
  const CleanDecision decision = policy.decide(history, adding(at(700, 4), 400));
  EXPECT_EQ(decision.clean, Clean::kNone);
  EXPECT_NE(decision.reason.find("not worth a clean-up"), std::string::npos) << decision.reason;
}

TEST(PredictivePolicy, DoesNothingWhereNothingIsKnownOfTheNext) {
  PredictivePolicy policy;
  EXPECT_EQ(policy.decide(after_first_group(at(990, 9))).clean, Clean::kNone);
  EXPECT_EQ(policy.decide(History(), {std::nullopt, 900_MiB, Bytes()}).clean, Clean::kNone);
}

TEST(PredictivePolicy, PausesAfterACleanUpInVain) {
  PredictivePolicy policy;
  History history = after_first_group(at(600));
  std::vector<int> cleaned;
  for (int round = 1; round <= 20; ++round) {
    const Usage now = at(700, 10);
    if (policy.decide(history, adding(now, 400)).clean != Clean::kNone) {
      cleaned.push_back(round);
      history.add(judge(Clean::kAggressive, now, now));
    }
    history.add(GroupUsage{1, 1, now});
  }
  EXPECT_EQ(cleaned, (std::vector<int>{1, 3, 7, 15}));
}

TEST(PredictivePolicy, ACacheThatYieldsDoesNotCross) {
  PredictivePolicy policy(PredictiveSettings{true});
  const History history = after_first_group(at(500));
  EXPECT_EQ(policy.decide(history, adding(at(500, 450), 400)).clean, Clean::kNone);
  EXPECT_EQ(policy.decide(history, adding(at(650, 300), 400)).clean, Clean::kAggressive);
}

/// Groups of `questions` that leave so much behind, in MiB, until the first clean-up; 0: never.
int first_cleanup(CleanupPolicy& policy,
                  double growth,
                  std::uint64_t limit,
                  std::uint32_t questions = 1,
                  double most = 1e9) {
  History history;
  for (int round = 1; round <= 2000; ++round) {
    const double grown = std::min(growth * (round - 1), most);
    Usage now = at(200, 0, limit);
    now.reclaimable = scaled(1_MiB, grown);
    history.add(GroupUsage{questions, 1, now});
    if (policy.decide(history).clean != Clean::kNone) {
      return round;
    }
  }
  return 0;
}

TEST(DynamicIntervalPolicy, IsLongWhereMemoryIsAmpleAndShortWhereItIsTight) {
  int last = 0;
  for (const std::uint64_t limit : {300, 400, 600, 1000, 2000}) {
    DynamicIntervalPolicy policy;
    const int round = first_cleanup(policy, 4.0, limit);
    EXPECT_GT(round, last) << "limit " << limit << " MiB";
    // Growth never used more than twice the share that it may use: the spare up to the mark.
    EXPECT_LE(4.0 * round, 0.8 * static_cast<double>(limit) - 200 + 4.0);
    last = round;
  }
}

TEST(DynamicIntervalPolicy, SaysTheNumbersItCompared) {
  DynamicIntervalPolicy policy;
  History history;
  CleanDecision decision;
  std::uint64_t cached = 0;
  while (decision.clean == Clean::kNone && cached < 1000) {
    history.add(GroupUsage{1, 1, at(200, cached += 10)});
    decision = policy.decide(history);
  }
  EXPECT_EQ(decision.clean, Clean::kNormal);
  EXPECT_EQ(decision.policy, "dynamic");
  EXPECT_NE(
      decision.reason.find("+10.0 MiB a group, of 295.0 MiB allowed between 210.0 MiB resting "
                           "and 80 % of 1000.0 MiB"),
      std::string::npos)
      << decision.reason;
}

TEST(DynamicIntervalPolicy, LeavesACacheAloneThatHasStoppedGrowing) {
  DynamicIntervalPolicy policy;
  EXPECT_EQ(first_cleanup(policy, 8.0, 1000, 1, 32.0), 0);
}

TEST(DynamicIntervalPolicy, DoesNothingWithoutGrowth) {
  DynamicIntervalPolicy policy;
  EXPECT_EQ(first_cleanup(policy, 0.0, 300), 0);
  EXPECT_EQ(policy.interval(), DynamicIntervalSettings().longest);
}

TEST(DynamicIntervalPolicy, OneSpikeIsNoGrowth) {
  DynamicIntervalPolicy policy;
  History history;
  for (int round = 1; round <= 200; ++round) {
    history.add(GroupUsage{1, 1, at(200, round % 20 == 10 ? 400 : 0)});
    EXPECT_EQ(policy.decide(history).clean, Clean::kNone) << round;
  }
}

TEST(DynamicIntervalPolicy, ItsIntervalDoesNotFlapOnNoise) {
  int most = 0;
  for (std::uint32_t seed = 0; seed < 100; ++seed) {
    std::mt19937 random(seed);
    DynamicIntervalPolicy policy;
    History history;
    int changes = 0;
    std::uint64_t cached = 0;
    std::uint32_t interval = policy.interval();
    for (int round = 1; round <= 400; ++round) {
      cached += 6 + random() % 5;
      const Usage now = at(200 + random() % 20, cached);
      history.add(GroupUsage{1, 1, now});
      if (policy.decide(history).clean != Clean::kNone) {
        cached = 0;
        history.add(judge(Clean::kNormal, now, at(200)));
      }
      changes += policy.interval() != interval ? 1 : 0;
      interval = policy.interval();
    }
    most = std::max(most, changes);
    EXPECT_LE(changes, 8) << changes << " changes in 400 groups, seed " << seed;
  }
  RecordProperty("most_changes", most);
}

TEST(DynamicIntervalPolicy, PausesAfterACleanUpInVain) {
  DynamicIntervalPolicy policy;
  History history;
  int cleanups = 0;
  std::uint64_t held = 200;
  for (int round = 1; round <= 60; ++round) {
    const Usage now = at(held += 1, 0, 260);
    history.add(GroupUsage{1, 1, now});
    if (policy.decide(history).clean != Clean::kNone) {
      ++cleanups;
      history.add(judge(Clean::kNormal, now, now));
    }
  }
  EXPECT_GE(cleanups, 1);
  EXPECT_LE(cleanups, 15);
}

TEST(GrowthLinePolicy, ErasesSlotsAboveItsLineAndRestartsWhenThatWasNotEnough) {
  GrowthLinePolicy policy;
  History history = after_first_group(at(200));
  EXPECT_EQ(policy.decide(history).clean, Clean::kNone);
  history.add(GroupUsage{1, 1, at(500)});  // the line is half-way between 200 and 800
  EXPECT_EQ(policy.decide(history).clean, Clean::kNone);
  history.add(GroupUsage{1, 1, at(501)});
  const CleanDecision erase = policy.decide(history);
  EXPECT_EQ(erase.clean, Clean::kNormal);
  EXPECT_EQ(erase.reason, "501.0 MiB held, 200.0 MiB when fresh, line 500.0 MiB");
  history.add(judge(Clean::kNormal, at(501), at(501)));
  history.add(GroupUsage{1, 1, at(502)});
  EXPECT_EQ(policy.decide(history).clean, Clean::kAggressive);
  history.add(judge(Clean::kAggressive, at(502), at(200)));
  history.add(GroupUsage{1, 1, at(230)});
  EXPECT_EQ(policy.decide(history).clean, Clean::kNone);
  history.add(GroupUsage{1, 1, at(520)});
  EXPECT_EQ(policy.decide(history).clean, Clean::kNormal) << "a fresh child starts over";
}

TEST(GrowthLinePolicy, ARestartThatGaveNothingBackMovesTheLine) {
  GrowthLinePolicy policy;
  History history = after_first_group(at(200));
  history.add(judge(Clean::kAggressive, at(790), at(790)));
  int cleanups = 0;
  for (int round = 0; round < 50; ++round) {
    history.add(GroupUsage{1, 1, at(790)});
    cleanups += policy.decide(history).clean != Clean::kNone ? 1 : 0;
  }
  EXPECT_EQ(cleanups, 0);
}

TEST(EngineTraits, EveryKindHasARowForEachCounter) {
  for (const KindOfEngine kind :
       {KindOfEngine::kMlx, KindOfEngine::kTorch, KindOfEngine::kServerChild}) {
    for (const Counter counter : {Counter::kFootprint, Counter::kDevice}) {
      const EngineTraits& traits = traits_of(kind, counter);
      EXPECT_EQ(traits.kind, kind);
      EXPECT_EQ(traits.counter, counter);
      EXPECT_FALSE(traits.normal.empty());
      EXPECT_FALSE(traits.aggressive.empty());
      EXPECT_LT(traits.adaptive.low, traits.adaptive.high);
      EXPECT_EQ(traits.interval.high, traits.adaptive.high);
      EXPECT_EQ(traits.cycles, kind != KindOfEngine::kServerChild);
    }
  }
}

struct Words {
  std::string words;
  std::string names;  ///< of who speaks where all have a reason
};

TEST(DefaultPolicy, DoesNotCleanByNumberUnlessAsked) {
  const auto policy = default_policy();
  History history;
  for (int round = 0; round < 1000; ++round) {
    history.add(GroupUsage{10, 5, at(100, 20)});
    EXPECT_EQ(policy->decide(history, adding(at(100, 20), 100)).clean, Clean::kNone);
  }
  EXPECT_EQ(default_policy({.every_questions = 5})->decide(history).clean, Clean::kNormal);
  EXPECT_EQ(default_policy({.every_pictures = 3})->decide(history).clean, Clean::kNormal);
}

TEST(DefaultPolicy, OfAServerFollowsItsLineAlone) {
  const auto policy = default_policy({.kind = KindOfEngine::kServerChild});
  History history = after_first_group(at(200));
  history.add(GroupUsage{1, 1, at(300, 600)});
  EXPECT_EQ(policy->decide(history).clean, Clean::kNone);
  history.add(GroupUsage{1, 1, at(600)});
  EXPECT_EQ(policy->decide(history).policy, "growth line");
}

TEST(ParsePolicies, NamesMakePolicies) {
  // Held and cache grow up to 900 of 1000 MiB and the next group adds 200: all have a reason.
  const std::vector<Words> rows{
      {"off", "off"},
      {"predictive", "predictive"},
      {"adaptive", "adaptive"},
      {"dynamic", "dynamic"},
      {"periodic", "periodic + periodic"},
      {"auto", "predictive + adaptive + dynamic"},
      {"dynamic,adaptive", "dynamic + adaptive"},
      {"auto,periodic", "predictive + adaptive + dynamic + periodic + periodic"},
  };
  for (const Words& row : rows) {
    const auto policy = parse_policies(row.words);
    History history;
    for (std::uint64_t round = 0; round < 60; ++round) {
      history.add(GroupUsage{1, 1, at(300 + 9 * round, round)});
    }
    const CleanDecision decision = policy->decide(history, adding(at(840, 60), 200));
    EXPECT_EQ(decision.policy, row.names) << row.words;
    EXPECT_EQ(decision.clean == Clean::kNone, row.words == "off") << row.words;
  }
}

TEST(ParsePolicies, NothingIsEverCleanedOfAServerThatIsOnlyAddressed) {
  History history;
  history.add(GroupUsage{20, 20, at(100)});
  PolicyChoice choice;
  EXPECT_EQ(kind_of_engine("gguf"), KindOfEngine::kServerChild);
  choice.kind = kind_of_engine("server");
  choice.every_questions = 1;
  for (const char* words : {"auto", "periodic", "adaptive,dynamic"}) {
    EXPECT_EQ(parse_policies(words, choice)->decide(history, adding(at(990, 60), 200)).clean,
              Clean::kNone)
        << words;
  }
}

TEST(ParsePolicies, ANumberThatWasGivenIsTheOnlyPeriod) {
  History history;
  history.add(GroupUsage{20, 20, at(100)});
  EXPECT_EQ(parse_policies("periodic", {.every_questions = 20})->decide(history).reason,
            "20 questions since the last clean-up, every 20");
  EXPECT_EQ(parse_policies("adaptive", {.every_pictures = 20})->decide(history).reason,
            "20 pictures since the last clean-up, every 20");
}

TEST(ParsePolicies, TheWrongWordIsNamed) {
  const std::vector<std::pair<std::string, std::string>> rows{
      {"adaptve", "'adaptve' is not known"},
      {"", "'' is not known"},
      {"auto,", "'' is not known"},
      {"auto,off", "'off' stands beside others"},
      {"dynamic,dynamic", "'dynamic' is given twice"},
      {"Auto", "'Auto' is not known"},
  };
  for (const auto& [words, expected] : rows) {
    try {
      parse_policies(words);
      ADD_FAILURE() << words << " was accepted";
    } catch (const UsageError& error) {
      EXPECT_EQ(error.code(), "E-USAGE-VALUE");
      EXPECT_NE(std::string(error.what()).find(expected), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace headroom::memory
