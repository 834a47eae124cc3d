#include "run/results.h"

#include <gtest/gtest.h>

#include "base/errors.h"
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
