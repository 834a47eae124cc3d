#include "run/results.h"

#include <gtest/gtest.h>

#include <set>

#include "base/errors.h"
#include "run/question_times.h"
#include "run_world.h"

namespace headroom::run {
namespace {

using test::dataset_of;
using test::FakeBackend;
using test::items_of;
using test::RunWorld;

TEST(Results, CountWhatWasNotAnsweredAsWrongAndAnsweredApart) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(items_of(5, 2)));
  FakeBackend backend;
  backend.failures = {{"p0-q0", Outcome::kImage}, {"p4-q1", Outcome::kTimeout}};
  backend.answer_of = [](const worker::AskItem& item) {
    return item.id == "p1-q0" ? "wrong" : "answer to " + item.id;
  };
  world.ask(journal, backend);
  const ModelResults results = results_of(journal).models.at(0);
  EXPECT_EQ(results.items, 10U);
  EXPECT_EQ(results.counts.answered(), 8U);
  EXPECT_EQ(results.counts.correct, 7U);
  EXPECT_EQ(results.counts.wrong, 1U);
  EXPECT_DOUBLE_EQ(results.accuracy->mean, 0.7);
  EXPECT_DOUBLE_EQ(results.accuracy_answered->mean, 7.0 / 8.0);
  EXPECT_EQ(results.accuracy->clusters, 5U);
  // Deviations by picture: 0.3-1, 0.3-1, 0.6, 0.6, 0.3-1 ... worked out by hand: sums -0.4, -0.4,
  // 0.6, 0.6, -0.4; SE = sqrt(5/4 * 1.2) / 10.
  EXPECT_NEAR(*results.accuracy->standard_error, 0.1224744871391589, 1e-12);
  EXPECT_EQ(results.unanswered_ids, (std::vector<std::string>{"p0-q0", "p4-q1"}));
}

TEST(Results, EqualReasonsOfFailuresAreOne) {
  RunWorld world;
  std::vector<datasets::Item> items = items_of(5, 2);
  for (const std::size_t at : {0U, 3U, 4U, 7U}) {
    items[at].defect = "it has no question";
  }
  Journal journal = world.begin(dataset_of(items));
  FakeBackend backend;
  backend.failures = {{items[5].id, Outcome::kTimeout}};
  world.ask(journal, backend);
  const ModelResults results = results_of(journal).models.at(0);
  ASSERT_EQ(results.reasons.size(), 2U);
  EXPECT_EQ(results.reasons[0].reason, "it has no question");
  EXPECT_EQ(results.reasons[0].count, 4U);
  EXPECT_EQ(results.reasons[0].ids,
            (std::vector<std::string>{items[0].id, items[3].id, items[4].id}));
  EXPECT_EQ(results.reasons[1].count, 1U);
  EXPECT_EQ(results.reasons[1].ids, std::vector<std::string>{items[5].id});
}

TEST(Results, WithoutReferencesThereIsNoAccuracy) {
  RunWorld world;
  auto items = items_of(1, 2);
  for (datasets::Item& item : items) {
    item.truth.references.clear();
  }
  Journal journal = world.begin(dataset_of(items));
  FakeBackend backend;
  world.ask(journal, backend);
  const ModelResults results = results_of(journal).models.at(0);
  EXPECT_EQ(results.counts.unscored, 2U);
  EXPECT_FALSE(results.accuracy);
}

TEST(Results, AQuestionWithoutAPictureIsNoPicture) {
  RunWorld world;
  auto items = items_of(1, 2);
  items.push_back(test::item_of("text", ""));
  Journal journal = world.begin(dataset_of(items));
  FakeBackend backend;
  world.ask(journal, backend);
  const ModelResults results = results_of(journal).models.at(0);
  EXPECT_EQ(results.accuracy->count, 3U);
  EXPECT_EQ(results.pictures.count, 1U);
}

TEST(Results, PendingItemsAreInNoDenominator) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(items_of(3, 1)));
  FakeBackend backend;
  backend.script[2] = FakeBackend::Event::kCancel;
  EXPECT_THROW(world.ask(journal, backend), Cancelled);
  const RunResults results = results_of(journal);
  EXPECT_EQ(results.models[0].pending, 2U);
  EXPECT_DOUBLE_EQ(results.models[0].accuracy->mean, 1.0);
  EXPECT_EQ(exit_code_of(results, std::nullopt), ExitCode::kSomeUnanswered);
}

TEST(Results, SpeedAndPhasesAddUpOverStretches) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(items_of(2, 2)));
  for (int stretch = 0; stretch < 2; ++stretch) {
    FakeBackend backend;
    backend.before_answer = [&] { world.clock.advance(std::chrono::milliseconds(500)); };
    if (stretch == 0) {
      backend.script[3] = FakeBackend::Event::kCancel;
      EXPECT_THROW(world.ask(journal, backend), Cancelled);
    } else {
      world.ask(journal, backend);
    }
  }
  const ModelResults results = results_of(journal).models.at(0);
  // Five waits: two answers, one interrupted, two answers.
  EXPECT_NEAR(results.asking_seconds, 2.5, 1e-9);
  EXPECT_NEAR(*results.questions_per_second, 4 / 2.5, 1e-9);
  EXPECT_NEAR(results.phases.decode, 0.016, 1e-9);
  EXPECT_NEAR(results.other_seconds, 2.5 - 0.04, 1e-9);
  EXPECT_NEAR(results.load_seconds, 1.0, 1e-9);
}

TEST(Results, CanBeScoredByAnotherMetric) {
  RunWorld world;
  auto items = items_of(1, 1);
  items[0].truth.references = {
      "The answers", "answers", "answers", "x", "y", "z", "u", "v", "w", "q"};
  Journal journal = world.begin(dataset_of(items));
  FakeBackend backend;
  backend.answer_of = [](const worker::AskItem&) { return "the answers"; };
  world.ask(journal, backend);
  EXPECT_DOUBLE_EQ(results_of(journal, "exact").models[0].accuracy->mean, 1.0);
  EXPECT_NEAR(results_of(journal, "vqa-accuracy").models[0].accuracy->mean, 0.9, 1e-9);
  EXPECT_THROW(results_of(journal, "no such"), UsageError);
}

TEST(Results, AreDividedByTypeAndPicture) {
  RunWorld world;
  auto items = items_of(3, 2);
  for (std::size_t i = 0; i < items.size(); ++i) {
    items[i].truth.question_type = i % 2 == 0 ? "what" : "is";
  }
  Journal journal = world.begin(dataset_of(items));
  FakeBackend backend;
  backend.failures = {{"p1-q0", Outcome::kTimeout}};
  backend.answer_of = [](const worker::AskItem& item) {
    return item.id.starts_with("p1") ? "wrong" : "answer to " + item.id;
  };
  world.ask(journal, backend);
  const ModelResults results = results_of(journal).models.at(0);
  ASSERT_EQ(results.by_question_type.size(), 2U);
  EXPECT_EQ(results.by_question_type.at("what").asked.count, 3U);
  EXPECT_DOUBLE_EQ(results.by_question_type.at("what").asked.mean, 2.0 / 3.0)
      << "unanswered is wrong";
  EXPECT_EQ(results.by_question_type.at("what").answered->count, 2U);
  EXPECT_DOUBLE_EQ(results.by_question_type.at("what").answered->mean, 1.0);
  EXPECT_EQ(results.pictures.count, 3U);
  EXPECT_EQ(results.pictures.all_right, 2U);
  EXPECT_EQ(results.pictures.none_right, 1U);
  EXPECT_FALSE(results.second_accuracy);
}

TEST(Results, ProfilesShowASecondMetricBesideTheirMain) {
  RunWorld world;
  auto items = items_of(1, 2);
  items[0].truth.references = {"a red ball", "red"};
  items[0].truth.chosen = "red";
  items[1].truth.references = {"yes", "yes"};
  Journal journal = world.begin(dataset_of(items));
  FakeBackend backend;
  backend.answer_of = [](const worker::AskItem& item) {
    return item.id == "p0-q0" ? "a reddish one" : "yes";
  };
  world.ask(journal, backend);
  const RunResults legacy = results_of(journal, "legacy-vqa");
  EXPECT_EQ(legacy.second_metric, "legacy-simple");
  EXPECT_DOUBLE_EQ(legacy.models[0].accuracy->mean, 0.75) << "0.5 and 1, of the chosen answer";
  EXPECT_DOUBLE_EQ(legacy.models[0].second_accuracy->mean, 1.0);
  EXPECT_EQ(legacy.models[0].counts.correct, 2U);
}

TEST(Results, TimesOfAQuestionAreMeanMedianAndTheNinetyFifthPercentile) {
  TimeTally tally;
  for (int i = 1; i <= 100; ++i) {
    worker::PhaseSeconds seconds;
    seconds.decode = i;
    tally.add(seconds);
  }
  const QuestionTimes times = tally.result();
  EXPECT_EQ(times.count, 100U);
  EXPECT_DOUBLE_EQ(times.decode.mean, 50.5);
  EXPECT_DOUBLE_EQ(times.decode.median, 50);
  EXPECT_DOUBLE_EQ(times.decode.p95, 95);
  EXPECT_DOUBLE_EQ(times.together.p95, 95);
  EXPECT_DOUBLE_EQ(times.encode.mean, 0);
}

TEST(Results, TheBestModelIsComparedQuestionByQuestion) {
  RunWorld world;
  Specification spec = test::spec_of();
  spec.models.push_back(spec.models[0]);
  spec.models[1].name = "better";
  Journal journal = world.begin(dataset_of(items_of(10, 2)), spec);
  const auto asked = [&](std::uint32_t model, const std::set<std::string>& wrong) {
    FakeBackend backend;
    backend.answer_of = [&](const worker::AskItem& item) {
      return wrong.contains(item.id) ? "wrong" : "answer to " + item.id;
    };
    world.model = model;
    world.ask(journal, backend);
  };
  asked(0, {"p0-q0", "p1-q0", "p2-q0"});
  EXPECT_FALSE(results_of(journal).best) << "the other has not begun";
  asked(1, {"p2-q0", "p9-q1"});
  const RunResults results = results_of(journal);
  ASSERT_TRUE(results.best);
  EXPECT_EQ(results.best->model, 1U);
  ASSERT_EQ(results.best->others.size(), 1U);
  const scoring::PairedResult& paired = results.best->others[0].paired;
  EXPECT_NEAR(paired.difference.mean, 0.05, 1e-12);
  EXPECT_EQ(paired.difference.clusters, 10U);
  EXPECT_EQ(paired.only_first, 2U);
  EXPECT_EQ(paired.only_second, 1U);
  EXPECT_EQ(paired.neither, 1U);
  EXPECT_EQ(paired.both, 16U);
}

/// Stretches of one run, each with its own budget: its peak is held against that one alone.
TEST(Results, APeakIsComparedWithTheBudgetOfItsOwnStretch) {
  struct Case {
    const char* what;
    std::vector<PeakRecord> stretches;
    Bytes shown_peak;
    Bytes shown_budget;
    bool kept;
  };

  const Case cases[] = {
      {"smaller budget later", {{8_GiB, 9_GiB, 12_GiB}, {5_GiB, 5_GiB, 6_GiB}}, 5_GiB, 6_GiB, true},
      {"larger budget later", {{5_GiB, 5_GiB, 4_GiB}, {8_GiB, 9_GiB, 12_GiB}}, 5_GiB, 4_GiB, false},
      {"not measured later", {{8_GiB, 9_GiB, 12_GiB}, {{}, 5_GiB, 6_GiB}}, 8_GiB, 12_GiB, true},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.what);
    RunWorld world;
    Journal journal = world.begin(dataset_of(items_of(1, 1)));
    for (const PeakRecord& peak : one.stretches) {
      journal.commit({.peak = peak});
      ModelRecord model = journal.models().at(0);
      model.budget = peak.budget;
      journal.set_model(model);
    }
    const RunResults results = results_of(journal);
    EXPECT_EQ(results.models[0].measured_peak, one.shown_peak);
    EXPECT_EQ(results.models[0].budget, one.shown_budget);
    EXPECT_EQ(results.models[0].budget_kept(), one.kept);
    EXPECT_EQ(exit_code_of(results, std::nullopt) == ExitCode::kDoesNotFit, !one.kept);
  }
}

TEST(Results, EachStretchRecordsItsOwnBudget) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(items_of(2, 1)));
  FakeBackend backend;
  backend.script[2] = FakeBackend::Event::kCancel;
  EXPECT_THROW(world.ask(journal, backend, 300_MiB), Cancelled);
  world.ask(journal, backend, 512_MiB);
  EXPECT_EQ(journal.models().at(0).budget, 512_MiB);
  EXPECT_EQ(journal.nearest_peak(0).budget, 300_MiB) << "both reached the same peak";
}

TEST(Results, WhatWasPlannedIsTheLargestPlanOfTheGroups) {
  RunWorld world;
  std::vector<datasets::Item> items = items_of(1, 2);
  for (int i = 0; i < 5; ++i) {
    items.push_back(test::item_of("large" + std::to_string(i), "large.png"));
  }
  items.push_back(test::item_of("last", "last.png"));
  Journal journal = world.begin(dataset_of(std::move(items)));
  FakeBackend backend;
  world.ask(journal, backend);
  Bytes largest;
  journal.for_each_answer(
      0, JournalReader::Readings::kSkip, [&](const ItemRecord&, const AnswerRecord* answer) {
        largest = std::max(largest, answer->planned_peak.value());
      });
  const Bytes at_start = journal.models().at(0).planned_peak.value();
  ASSERT_NE(largest, at_start);
  EXPECT_EQ(results_of(journal).models[0].planned_peak, largest);
}

TEST(Results, ExitCodes) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(items_of(1, 4)));
  FakeBackend backend;
  backend.answer_of = [](const worker::AskItem& item) {
    return item.id == "p0-q0" ? "wrong" : "answer to " + item.id;
  };
  world.ask(journal, backend);
  RunResults results = results_of(journal);
  EXPECT_EQ(exit_code_of(results, std::nullopt), ExitCode::kAllAnswered);
  EXPECT_EQ(exit_code_of(results, 75.0), ExitCode::kAllAnswered);
  EXPECT_EQ(exit_code_of(results, 75.1), ExitCode::kBelowFailUnder);
  results.models[0].measured_peak = 513_MiB;
  EXPECT_EQ(exit_code_of(results, std::nullopt), ExitCode::kDoesNotFit);
}

}  // namespace
}  // namespace headroom::run
