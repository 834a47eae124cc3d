#include "run/runner.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/errors.h"
#include "run/results.h"
#include "run_world.h"

namespace headroom::run {
namespace {

using test::answers_in;
using test::dataset_of;
using test::FakeBackend;
using test::items_of;
using test::RunWorld;
using test::spec_of;

constexpr int kPictures = 4;
constexpr int kQuestions = 3;

/// What an undisturbed run leaves.
std::vector<std::string> undisturbed() {
  RunWorld world;
  Journal journal = world.begin(dataset_of(items_of(kPictures, kQuestions)));
  FakeBackend backend;
  world.ask(journal, backend);
  return answers_in(journal);
}

TEST(Runner, AsksEverythingGroupByGroupAndFinishes) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(items_of(kPictures, kQuestions)));
  FakeBackend backend;
  const ModelEnd end = world.ask(journal, backend);
  EXPECT_EQ(end.answered, 12U);
  EXPECT_EQ(end.pending, 0U);
  EXPECT_EQ(backend.groups.size(), 4U);
  EXPECT_EQ(backend.groups[1], (std::vector<std::string>{"p1-q0", "p1-q1", "p1-q2"}));
  EXPECT_EQ(backend.loads, 1);
  EXPECT_EQ(backend.unloads, 1);
  EXPECT_EQ(journal.run().state, RunState::kFinished);
}

TEST(Runner, AnswersSayWhenTheirGroupWasSentNotWhenTheyCame) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(items_of(2, 2)));
  FakeBackend backend;
  backend.before_answer = [&] { world.clock.advance(std::chrono::seconds(10)); };
  world.ask(journal, backend);
  const WallTime start = testing::FakeClock().wall();
  const std::string first = iso_time(start);
  const std::string second = iso_time(start + std::chrono::seconds(20));
  for (std::int64_t seq = 0; seq < 4; ++seq) {
    EXPECT_EQ(journal.find_answer(0, seq)->asked_at, seq < 2 ? first : second) << seq;
  }
}

TEST(Runner, PreparesTheNextGroupBeforeItAsksThisOne) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(items_of(3, 1)));
  FakeBackend backend;
  std::vector<std::size_t> prepared_at;
  backend.before_answer = [&] { prepared_at.push_back(backend.prepared.size()); };
  world.ask(journal, backend);
  EXPECT_EQ(prepared_at, (std::vector<std::size_t>{1, 2, 2}));
  EXPECT_EQ(backend.prepared, (std::vector<std::string>{"1", "2"}));
}

TEST(Runner, MakesEachGroupDurableBeforeTheNextIsAsked) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(items_of(kPictures, kQuestions)));
  FakeBackend backend;
  std::vector<std::uint64_t> durable;
  backend.before_answer = [&] {
    durable.push_back(JournalReader::open(world.folder.path()).count_answers(0));
  };
  world.ask(journal, backend);
  EXPECT_EQ(durable, (std::vector<std::uint64_t>{0, 0, 0, 3, 3, 3, 6, 6, 6, 9, 9, 9}));
}

TEST(Runner, ASecondStretchAsksNothingAgain) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(items_of(2, 2)));
  FakeBackend backend;
  world.ask(journal, backend);
  FakeBackend again;
  const ModelEnd end = world.ask(journal, again);
  EXPECT_TRUE(again.asked.empty());
  EXPECT_EQ(end.asked, 0U);
}

TEST(Runner, InterruptedAnywhereAndResumedEqualsUndisturbed) {
  const std::vector<std::string> expected = undisturbed();
  for (int stop = 1; stop <= kPictures * kQuestions; ++stop) {
    RunWorld world;
    const auto dataset = dataset_of(items_of(kPictures, kQuestions));
    std::size_t first = 0;
    {
      Journal journal = world.begin(dataset);
      FakeBackend backend;
      backend.script[stop] = FakeBackend::Event::kCancel;
      EXPECT_THROW(world.ask(journal, backend), Cancelled);
      first = backend.asked.size();
      EXPECT_EQ(first, static_cast<std::size_t>(stop - 1));
      EXPECT_EQ(journal.count_answers(0), first) << "what had arrived is durable";
      EXPECT_EQ(journal.run().state, RunState::kInterrupted);
    }
    Journal journal = Journal::open(world.folder.path(), world.clock);
    resume_data(journal, dataset, false);
    FakeBackend backend;
    world.ask(journal, backend);
    EXPECT_EQ(backend.asked.size() + first, 12U) << "durable items are not asked again";
    EXPECT_EQ(answers_in(journal), expected) << "stopped before answer " << stop;
  }
}

/// Runs in a process of its own, which kills itself like `kill -9` before its n-th answer.
void ask_and_be_killed(RunWorld& world, int n) {
  const pid_t child = ::fork();
  if (child == 0) {
    Journal journal = Journal::open(world.folder.path(), world.clock);
    FakeBackend backend;
    int answers = 0;
    backend.before_answer = [&] {
      if (++answers == n) {
        ::raise(SIGKILL);
      }
    };
    world.ask(journal, backend);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status)) << "came to its end before answer " << n;
}

TEST(Runner, KilledAnywhereAndResumedEqualsUndisturbed) {
  const std::vector<std::string> expected = undisturbed();
  for (int n = 1; n <= kPictures * kQuestions; ++n) {
    RunWorld world;
    const auto dataset = dataset_of(items_of(kPictures, kQuestions));
    world.begin(dataset);
    ask_and_be_killed(world, n);
    Journal journal = Journal::open(world.folder.path(), world.clock);
    const std::size_t durable = static_cast<std::size_t>((n - 1) / kQuestions * kQuestions);
    EXPECT_EQ(journal.count_answers(0), durable);
    EXPECT_EQ(journal.integrity(), "ok");
    resume_data(journal, dataset, false);
    FakeBackend backend;
    world.ask(journal, backend);
    EXPECT_EQ(backend.asked.size(), expected.size() - durable);
    EXPECT_EQ(answers_in(journal), expected) << "killed before answer " << n;
  }
}

/// Opened again, to go on with.
Journal stopped_after_two_of_four_groups(RunWorld& world) {
  {
    Journal journal = world.begin(dataset_of(items_of(4, 2)));
    FakeBackend backend;
    backend.script[6] = FakeBackend::Event::kCancel;
    EXPECT_THROW(world.ask(journal, backend), Cancelled);
  }
  return Journal::open(world.folder.path(), world.clock);
}

TEST(Runner, AResumedRunGoesOnWithWhatWasLearntOfTheGroupsPeaks) {
  RunWorld world;
  Journal journal = stopped_after_two_of_four_groups(world);
  EXPECT_EQ(journal.learnt(0).at("samples"), 2);
  FakeBackend backend;
  world.ask(journal, backend);
  EXPECT_EQ(journal.learnt(0).at("samples"), 4);
}

TEST(Runner, WhatWasLearntOutlivesAResumeThatIsRefused) {
  RunWorld world;
  Journal journal = stopped_after_two_of_four_groups(world);
  FakeBackend another;
  another.who.engine_version = "another";
  EXPECT_THROW(world.ask(journal, another), UsageError);
  EXPECT_EQ(journal.learnt(0).at("samples"), 2);
}

TEST(Runner, WhatAnotherEngineHasTaughtIsNotGoneOnWith) {
  RunWorld world;
  Journal journal = stopped_after_two_of_four_groups(world);
  FakeBackend backend;
  backend.who.engine_version = "another";
  world.force = true;
  world.ask(journal, backend);
  EXPECT_EQ(journal.learnt(0).at("samples"), 2);
}

TEST(Runner, StoppedBetweenGroupsSaysHowToGoOn) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(items_of(3, 2)));
  FakeBackend backend;
  int answers = 0;
  backend.before_answer = [&] {
    if (++answers == 2) {
      world.cancel.cancel();
    }
  };
  try {
    world.ask(journal, backend);
    FAIL() << "went on";
  } catch (const Cancelled& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("2 of 6"), std::string::npos) << text;
    EXPECT_NE(text.find("headroom resume " + world.folder.path().string()), std::string::npos);
  }
  EXPECT_EQ(backend.asked.size(), 2U);
}

TEST(Runner, AnswersThatArrivedBeforeADeathAreDurableAtOnce) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(items_of(1, 5)));
  FakeBackend backend;
  backend.script[4] = FakeBackend::Event::kDie;
  std::vector<std::uint64_t> durable;
  backend.before_answer = [&] { durable.push_back(journal.count_answers(0)); };
  world.ask(journal, backend);
  EXPECT_EQ(durable, (std::vector<std::uint64_t>{0, 0, 0, 0, 3}));
  ASSERT_EQ(journal.deaths().size(), 1U);
  EXPECT_EQ(journal.deaths()[0].death.detail, 9);
  EXPECT_EQ(journal.deaths()[0].group, 0U);
  EXPECT_EQ(journal.count_answers(0), 5U);
}

TEST(Runner, KeepsWhatArrivedWhenTheBackendGivesUp) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(items_of(2, 3)));
  FakeBackend backend;
  backend.script[5] = FakeBackend::Event::kFail;
  EXPECT_THROW(world.ask(journal, backend), BackendError);
  EXPECT_EQ(journal.count_answers(0), 4U);
  EXPECT_EQ(journal.run().state, RunState::kInterrupted);
}

TEST(Runner, ItemWithoutAnAnswerEndsAsModelFailure) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(items_of(1, 3)));
  FakeBackend backend;
  backend.script[2] = FakeBackend::Event::kSayNothing;
  const ModelEnd end = world.ask(journal, backend);
  EXPECT_EQ(end.failed, 1U);
  EXPECT_EQ(journal.find_answer(0, 1)->answer.error_code, "E-NO-ANSWER");
}

TEST(Runner, DefectiveItemsEndAsTheyAreWithoutBeingAsked) {
  RunWorld world;
  auto items = items_of(1, 3);
  items[0].defect = "line 1: bad base64 in image";
  items[0].defect_outcome = Outcome::kImage;
  items[2].defect = "line 3: 2 <image> for 1 picture";
  items[2].defect_outcome = Outcome::kSkipped;
  Journal journal = world.begin(dataset_of(items));
  FakeBackend backend;
  world.ask(journal, backend);
  EXPECT_EQ(backend.asked, (std::vector<std::string>{"p0-q1"}));
  EXPECT_EQ(journal.find_answer(0, 0)->answer.outcome, Outcome::kImage);
  EXPECT_EQ(journal.find_answer(0, 0)->answer.error, "line 1: bad base64 in image");
  EXPECT_EQ(journal.find_answer(0, 2)->answer.outcome, Outcome::kSkipped);
}

TEST(Runner, DefectiveOnlyGroupsReachNoModel) {
  RunWorld world;
  auto items = items_of(1, 1);
  items[0].defect = "bad";
  Journal journal = world.begin(dataset_of(items));
  FakeBackend backend;
  EXPECT_EQ(world.ask(journal, backend).failed, 1U);
  EXPECT_TRUE(backend.requests.empty());
}

TEST(Runner, CleansEveryFiveQuestionsAndRecordsWhatItFreed) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(items_of(4, 3)));
  FakeBackend backend;
  backend.now = test::footprints(20_MiB, 40_MiB);
  backend.before_answer = [&] { backend.now.cache = 4_MiB; };
  world.ask(journal, backend);
  EXPECT_EQ(backend.cleanups.size(), 2U);
  std::size_t recorded = 0;
  journal.for_each_memory_event([&](MemoryRecord&& record) {
    if (record.event.kind == memory::MemoryEvent::Kind::kClean) {
      ++recorded;
      EXPECT_TRUE(record.event.freed) << "verified by readings";
      EXPECT_NE(record.event.reason.find("periodic"), std::string::npos) << record.event.reason;
    }
  });
  EXPECT_EQ(recorded, 2U);
}

TEST(Runner, GroupThatCannotFitEndsInMemoryWithTheNumbers) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(items_of(2, 2)));
  FakeBackend backend;
  const ModelEnd end = world.ask(journal, backend, 10_MiB);
  EXPECT_EQ(end.failed, 4U);
  EXPECT_TRUE(backend.asked.empty());
  const AnswerRecord answer = *journal.find_answer(0, 0);
  EXPECT_EQ(answer.answer.outcome, Outcome::kMemory);
  EXPECT_NE(answer.answer.error.find("10.0 MiB"), std::string::npos) << answer.answer.error;
}

TEST(Runner, AsksWithTheRunsLimits) {
  RunWorld world;
  Specification spec = spec_of();
  spec.max_tokens = 7;
  spec.max_image_side = 300;
  spec.batch = 2;
  spec.question_timeout = 10;
  Journal journal = world.begin(dataset_of(items_of(1, 3)), spec);
  FakeBackend backend;
  world.ask(journal, backend);
  const worker::AskRequest& request = backend.requests.at(0);
  EXPECT_EQ(request.items.at(0).max_tokens, 7U);
  EXPECT_EQ(request.items.at(0).top_log_probs, 1U);
  EXPECT_EQ(request.max_image_side, 300U);
  EXPECT_EQ(request.limits.batch, 2U);
  EXPECT_DOUBLE_EQ(request.limits.deadline_seconds, 30.0);
  EXPECT_EQ(request.pictures.at(0).bytes, "bytes of p0.png");
}

/// Keeps what it is told.
class Listener final : public Observer {
 public:
  void on_answer(const ItemRecord&, const AnswerRecord&, const Progress& progress) override {
    seen.push_back(progress.done);
  }

  void on_progress(const Progress& progress) override {
    last = progress;
    accuracy = progress.tally->accuracy()->mean;
  }

  std::vector<std::uint64_t> seen;
  Progress last;
  double accuracy = 0;
};

TEST(Runner, ProgressCountsEarlierStretchesToo) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(items_of(2, 2)));
  FakeBackend first;
  first.script[3] = FakeBackend::Event::kCancel;
  first.failures["p0-q1"] = Outcome::kTimeout;
  EXPECT_THROW(world.ask(journal, first), Cancelled);
  Listener listener;
  world.observer = &listener;
  FakeBackend second;
  world.ask(journal, second);
  EXPECT_EQ(listener.seen, (std::vector<std::uint64_t>{3, 4}));
  EXPECT_EQ(listener.last.items, 4U);
  EXPECT_EQ(listener.last.failed, 1U);
  EXPECT_EQ(listener.last.done_now, 2U);
  EXPECT_EQ(listener.last.budget, 512_MiB);
  EXPECT_EQ(listener.last.counter, "footprint");
  EXPECT_DOUBLE_EQ(listener.accuracy, 0.75);
}

TEST(Runner, TwoModelsOfOneRunKeepTheirAnswersApart) {
  RunWorld world;
  Specification spec = spec_of();
  spec.models.push_back(spec.models.front());
  spec.models.back().name = "other";
  Journal journal = world.begin(dataset_of(items_of(1, 2)), spec);
  FakeBackend first;
  world.ask(journal, first);
  EXPECT_EQ(journal.run().state, RunState::kRunning) << "one model is still open";
  EXPECT_EQ(journal.count_answers(1), 0U);
  FakeBackend second;
  second.answer_of = [](const worker::AskItem&) { return "no"; };
  world.model = 1;
  world.ask(journal, second);
  EXPECT_EQ(journal.run().state, RunState::kFinished);
  EXPECT_EQ(journal.find_answer(0, 0)->answer.text, "answer to p0-q0");
  EXPECT_EQ(journal.find_answer(1, 0)->answer.text, "no");
}

TEST(Runner, AQuestionLongerThanTheContextIsAskedApartFromItsGroup) {
  RunWorld world;
  std::vector<datasets::Item> items = items_of(2, 3);
  items[1].conversation[0].parts[1].text = std::string(9000, 'x');
  run::Journal journal = world.begin(dataset_of(items));
  FakeBackend backend;  // of 2,048 tokens
  const ModelEnd end = world.ask(journal, backend);
  EXPECT_EQ(end.answered, 6U);
  const std::vector<std::vector<std::string>> asked = {
      {"p0-q0", "p0-q2"}, {"p0-q1"}, {"p1-q0", "p1-q1", "p1-q2"}};
  EXPECT_EQ(backend.groups, asked);
}

TEST(Runner, AQuestionLongerThanTheContextIsLeftToTheEngineWhereNoPlanOfItFits) {
  RunWorld world;
  std::vector<datasets::Item> items = items_of(1, 2);
  items[1].conversation[0].parts[1].text = std::string(9000, 'x');
  run::Journal journal = world.begin(dataset_of(items));
  FakeBackend backend;
  backend.geometry.prefill_per_token = 1_MiB;
  backend.geometry.prefills_in_chunks = false;
  backend.failures["p0-q1"] = Outcome::kModel;
  world.ask(journal, backend);
  EXPECT_EQ(journal.find_answer(0, 0)->answer.outcome, Outcome::kAnswered);
  EXPECT_EQ(journal.find_answer(0, 1)->answer.outcome, Outcome::kModel) << "as the engine says";
}

}  // namespace
}  // namespace headroom::run
