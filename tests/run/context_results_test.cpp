#include "run/context_results.h"

#include <gtest/gtest.h>

#include <cmath>

#include "run/results.h"
#include "run_world.h"

namespace headroom::run {
namespace {

using test::FakeBackend;
using test::RunWorld;

const std::vector<datasets::ScriptTurn> kScript = {
    {"Describe.", "items"}, {"Colors?", "colors"}, {"Any people?", "people"}};

datasets::PictureSet pictures(int count, bool facts) {
  datasets::PictureSet set;
  set.label = "pictures";
  for (int i = 0; i < count; ++i) {
    datasets::PictureEntry entry;
    entry.id = std::to_string(i);
    entry.picture = {{}, "bytes of " + entry.id, entry.id};
    if (facts) {
      entry.facts.colors = {"red", "blue"};
      entry.facts.people = false;
    }
    set.entries.push_back(entry);
  }
  return set;
}

/// A run of `count` pictures, asked whole by a backend that a test has set up.
struct Talk {
  explicit Talk(int count, const std::function<void(FakeBackend&)>& set_up, bool facts = true) {
    Specification spec = test::spec_of();
    spec.test = TestKind::kContext;
    spec.metric = "turn-facts";
    spec.turns = kScript;
    journal.emplace(world.begin(datasets::dialogue_dataset(pictures(count, facts), kScript), spec));
    FakeBackend backend;
    set_up(backend);
    world.ask(*journal, backend);
  }

  ContextResults results() const { return *results_of(*journal).models.at(0).context; }

  RunWorld world;
  std::optional<Journal> journal;
};

/// Knows both colours with the history, one from its text, none without; people always right.
void knows_by_arm(FakeBackend& backend) {
  backend.answer_of = [](const worker::AskItem& item) -> std::string {
    if (item.id.ends_with("/3")) {
      return "No.";
    }
    if (item.id.find("/history/") != std::string::npos) {
      return "red and blue";
    }
    return item.id.find("/text/") != std::string::npos ? "red" : "green";
  };
}

TEST(ContextResults, ScoreEachArmAgainstTheFacts) {
  const Talk talk(4, knows_by_arm);
  const ContextResults results = talk.results();
  EXPECT_TRUE(results.by_facts);
  ASSERT_EQ(results.arms.size(), 3U);
  const std::vector<double> means = {1.0, 0.75, 0.5};  // (1 + 1) / 2, (0.5 + 1) / 2, (0 + 1) / 2
  for (std::size_t i = 0; i < 3; ++i) {
    const ArmResults& arm = results.arms[i];
    EXPECT_EQ(arm.support, Support::kSupported) << arm.arm;
    EXPECT_EQ(arm.follow_ups.items, 8U) << arm.arm;
    EXPECT_EQ(arm.follow_ups.answered, 8U) << arm.arm;
    EXPECT_DOUBLE_EQ(arm.follow_ups.score->mean, means[i]) << arm.arm;
    EXPECT_EQ(arm.follow_ups.score->clusters, 4U) << "by picture, whatever the arm";
  }
  EXPECT_EQ(results.arms[0].turns.size(), 3U);
  EXPECT_DOUBLE_EQ(results.arms[1].turns.at(0).score->mean, 0.5) << "turn 2";
}

TEST(ContextResults, AGainIsPairedByPictureAndTurn) {
  const Talk talk(4, [](FakeBackend& backend) {
    knows_by_arm(backend);
    backend.answer_of = [usual = backend.answer_of](const worker::AskItem& item) {
      return item.id == "0/none/2" ? std::string("red") : usual(item);
    };
  });
  const ContextResults results = talk.results();
  ASSERT_EQ(results.gains.size(), 2U);
  EXPECT_EQ(results.gains[0].over, "text");
  EXPECT_DOUBLE_EQ(results.gains[0].difference->mean, 0.25);
  const scoring::Estimate& none = *results.gains[1].difference;
  // Turn 2: 0.5, 1, 1, 1; turn 3: 0 four times.
  EXPECT_DOUBLE_EQ(none.mean, 3.5 / 8);
  EXPECT_EQ(none.count, 8U);
  EXPECT_EQ(none.clusters, 4U);
  // Sums of deviations by picture: -0.375, 0.125 three times; SE = sqrt(4/3 * 0.1875) / 8.
  EXPECT_NEAR(*none.standard_error, std::sqrt(4.0 / 3.0 * 0.1875) / 8, 1e-12);
}

TEST(ContextResults, AnArmThatNeedsAPictureIsUnsupportedAndHasNoGain) {
  struct Blind : FakeBackend {
    worker::AskDone ask(const worker::AskRequest& request,
                        const std::function<void(worker::Answer&&)>& sink) override {
      return FakeBackend::ask(request, [&](worker::Answer&& answer) {
        if (request.pictures.empty()) {
          answer.outcome = Outcome::kSkipped;
          answer.error_code = std::string(kPictureNeeded);
          answer.text.clear();
        }
        sink(std::move(answer));
      });
    }
  };

  RunWorld world;
  Specification spec = test::spec_of();
  spec.test = TestKind::kContext;
  spec.metric = "turn-facts";
  Journal journal = world.begin(datasets::dialogue_dataset(pictures(2, true), kScript), spec);
  Blind backend;
  world.ask(journal, backend);
  const ContextResults results = *results_of(journal).models.at(0).context;
  EXPECT_EQ(results.arms[0].support, Support::kSupported);
  EXPECT_EQ(results.arms[1].support, Support::kUnsupported) << "its later turns are let down by it";
  EXPECT_EQ(results.arms[2].support, Support::kUnsupported);
  EXPECT_FALSE(results.gains[0].difference);
  EXPECT_FALSE(results.gains[1].difference);
  EXPECT_EQ(exit_code_of(results_of(journal), std::nullopt), ExitCode::kAllAnswered)
      << "what a model cannot do is a finding, no failure";
}

TEST(ContextResults, TheRunsAccuracyIsOfTheFollowUpsWithHistory) {
  const Talk talk(4, [](FakeBackend& backend) {
    knows_by_arm(backend);
    backend.failures = {{"0/none/2", Outcome::kTimeout}, {"3/history/3", Outcome::kTimeout}};
  });
  const RunResults results = results_of(*talk.journal);
  const ModelResults& model = results.models.at(0);
  EXPECT_DOUBLE_EQ(model.accuracy->mean, 7.0 / 8);
  EXPECT_EQ(model.accuracy->count, 8U) << "four pictures, turns 2 and 3, one arm";
  EXPECT_DOUBLE_EQ(model.accuracy_answered->mean, 1.0);
  EXPECT_DOUBLE_EQ(model.accuracy->mean, model.context->arms[0].follow_ups.score->mean);
  EXPECT_EQ(model.judged.total, 8U);
  EXPECT_EQ(model.judged.correct, 7U);
  EXPECT_EQ(model.judged.unanswered(), 1U);
  EXPECT_EQ(model.counts.total, 28U) << "of all arms";
  EXPECT_EQ(model.counts.unanswered(), 2U);
  EXPECT_EQ(model.by_question_type.at("colors").asked.count, 4U);
}

TEST(ContextResults, AnAccuracyBelowTheWantedIsThatWithHistory) {
  const Talk talk(4, knows_by_arm);
  EXPECT_EQ(exit_code_of(results_of(*talk.journal), 99.0), ExitCode::kAllAnswered)
      << "what the other arms do not know is no fault";
}

TEST(ContextResults, APairWithoutBothAnswersIsLeftOutOfTheGain) {
  const Talk talk(4, [](FakeBackend& backend) {
    knows_by_arm(backend);
    backend.failures = {{"0/none/2", Outcome::kTimeout}, {"3/history/3", Outcome::kTimeout}};
  });
  const ContextGain gain = talk.results().gains.at(1);
  EXPECT_EQ(gain.over, "none");
  EXPECT_EQ(gain.pairs, 8U);
  EXPECT_EQ(gain.left_out, 2U);
  // Turn 2: 1 three times; turn 3: 0 three times.
  EXPECT_DOUBLE_EQ(gain.difference->mean, 0.5);
  EXPECT_EQ(gain.difference->count, 6U);
}

TEST(ContextResults, OverAnArmWithoutAnAnswerThereIsNoGain) {
  const Talk talk(1, [](FakeBackend& backend) {
    knows_by_arm(backend);
    backend.failures = {{"0/none/2", Outcome::kTimeout}, {"0/none/3", Outcome::kTimeout}};
  });
  const ContextGain gain = talk.results().gains.at(1);
  EXPECT_FALSE(gain.difference);
  EXPECT_EQ(gain.pairs, 2U);
  EXPECT_EQ(gain.left_out, 2U);
}

TEST(ContextResults, WhatHasNoAnswerCountsAsNothingTold) {
  const Talk talk(2, [](FakeBackend& backend) {
    knows_by_arm(backend);
    backend.failures = {{"0/history/2", Outcome::kTimeout}};
  });
  const ContextResults results = talk.results();
  // Of four follow-ups one has timed out and takes the next turn with it.
  EXPECT_EQ(results.arms[0].follow_ups.answered, 2U);
  EXPECT_DOUBLE_EQ(results.arms[0].follow_ups.score->mean, 0.5);
  EXPECT_EQ(results.arms[0].follow_ups.score->count, 4U);
}

TEST(ContextResults, AFailedArmIsNotAnUnsupportedOne) {
  const Talk talk(1, [](FakeBackend& backend) {
    backend.failures = {{"0/none/2", Outcome::kTimeout}, {"0/none/3", Outcome::kTimeout}};
  });
  EXPECT_EQ(talk.results().arms[2].support, Support::kFailed);
}

TEST(ContextResults, WithoutFactsArmsAreComparedWithTheDescription) {
  const Talk talk(
      2,
      [](FakeBackend& backend) {
        backend.answer_of = [](const worker::AskItem& item) {
          const bool history = item.id.find("/history/") != std::string::npos;
          return std::string(history ? "a red circle" : "a green square");
        };
      },
      false);
  const ContextResults results = talk.results();
  EXPECT_FALSE(results.by_facts);
  EXPECT_FALSE(results.arms[0].follow_ups.score);
  EXPECT_FALSE(results.arms[0].follow_ups.agreement) << "with itself";
  EXPECT_DOUBLE_EQ(results.arms[0].follow_ups.consistency->mean, 1.0);
  EXPECT_DOUBLE_EQ(results.arms[2].follow_ups.agreement->mean, 1.0 / 3.0);
  EXPECT_DOUBLE_EQ(results.gains[1].difference->mean, 2.0 / 3.0);
}

}  // namespace
}  // namespace headroom::run
