#include "report/terminal.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/errors.h"
#include "run/folder.h"
#include "run/run_world.h"

namespace headroom::report {
namespace {

using test::dataset_of;
using test::FakeBackend;
using test::items_of;
using test::RunWorld;

bool is_ascii(const std::string& text) {
  return std::all_of(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80U; });
}

void expect_holds(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) {
    EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' is not in:\n" << text;
  }
}

struct FinishedRun {
  FinishedRun() : journal(world.begin(dataset_of(items_of(10, 2)))) {
    FakeBackend backend;
    backend.failures = {{"p1-q1", Outcome::kImage}};
    backend.answer_of = [](const worker::AskItem& item) {
      return item.id == "p0-q1" ? "wrong" : "answer to " + item.id;
    };
    backend.before_answer = [this] { world.clock.advance(std::chrono::milliseconds(100)); };
    world.ask(journal, backend);
  }

  RunWorld world;
  run::Journal journal;
};

TEST(ResultsText, HasEveryFigureWithItsUnitAndDenominator) {
  const FinishedRun finished;
  const std::string text = results_text(run::results_of(finished.journal), {});
  expect_holds(text,
               {"90.0 % [",
                "] of 20 ",
                "94.7 % of 19 ",
                "19/20",
                "9.5",
                "60.0 MiB of 512.0 MiB",
                "18 of 20 correct, 1 wrong, 1 not answered (image 1)",
                "mean/median/p95 of 19 answers, a group's time divided among its questions, in s: ",
                "budget 512.0 MiB: kept",
                "questions/s",
                "3 clean-ups"});
}

TEST(ResultsText, SaysThatABudgetWasBrokenInWords) {
  const FinishedRun finished;
  run::RunResults results = run::results_of(finished.journal);
  results.models[0].measured_peak = 600_MiB;
  expect_holds(results_text(results, {}), {"BROKEN"});
}

TEST(ResultsText, SaysWhatIsPendingAndUnscored) {
  const FinishedRun finished;
  run::RunResults results = run::results_of(finished.journal);
  results.models[0].pending = 5;
  results.models[0].judged.unscored = 3;
  expect_holds(results_text(results, {}),
               {"stopped  after 15 of 20 questions\n", "3 without a reference"});
  results.run.state = run::RunState::kRunning;
  expect_holds(results_text(results, {}), {"so far   15 of 20 questions\n"});
  results.models[0].model.spec.not_run = run::NotRun{"E-WORKER-GAVE-UP", "it died"};
  expect_holds(results_text(results, {}),
               {"stopped  after 15 of 20 questions: it died [E-WORKER-GAVE-UP]\n"});
}

TEST(ResultsText, TellsAModelThatWaitsFromOneThatWasNotRun) {
  const FinishedRun finished;
  run::RunResults results = run::results_of(finished.journal);
  results.models[0].pending = 20;
  std::string text = results_text(results, {});
  expect_holds(text, {"waiting  none of 20 questions asked yet\n", "0/20"});
  EXPECT_EQ(text.find("not run"), std::string::npos) << text;
  results.models[0].model.spec.not_run = run::NotRun{"E-MEM-PLAN", "too large"};
  text = results_text(results, {});
  expect_holds(text, {"not run  too large [E-MEM-PLAN]\n", "0/20"});
  EXPECT_EQ(text.find("waiting"), std::string::npos) << text;
}

TEST(ResultsText, HasNoColourUnlessAsked) {
  const FinishedRun finished;
  const run::RunResults results = run::results_of(finished.journal);
  EXPECT_EQ(results_text(results, {}).find('\x1b'), std::string::npos);
  EXPECT_NE(results_text(results, {.colour = true}).find('\x1b'), std::string::npos);
}

TEST(UnansweredText, GivesTheFirstReasonsInTheTerminalsWidth) {
  run::ModelResults model;
  model.model.spec.name = "demo";
  EXPECT_EQ(unanswered_text(model, {}), "");
  model.items = 20;
  model.pending = 5;
  model.unanswered_ids = {"2", "3", "4", "5", "6"};
  model.reasons = {
      {"/data/pictures/gone.png: there is no such file, looked for it everywhere", 1, {"2"}},
      {"it has no question", 4, {"3", "4", "5"}}};
  EXPECT_EQ(unanswered_text(model, {.width = 40}),
            "demo: 5 of 20 without an answer: 2, 3, 4, 5, 6\n"
            "  2: gone.png: there is no such file, l…\n"
            "  3, 4, 5 and 1 more: it has no question\n");
}

TEST(UnansweredText, CutsNothingWithoutATerminal) {
  run::ModelResults model;
  model.model.spec.name = "demo";
  model.unanswered_ids = {"2"};
  const std::string reason = "gone.png: " + std::string(500, 'x');
  model.reasons = {{reason, 1, {"2"}}};
  expect_holds(unanswered_text(model, {}), {"  2: " + reason + "\n"});
}

TEST(ResultsText, ListsATableThatIsWiderThanTheTerminalRowByRow) {
  const FinishedRun finished;
  const run::RunResults results = run::results_of(finished.journal);
  const std::string whole = results_text(results, {});
  EXPECT_EQ(results_text(results, {.width = 200}), whole);
  EXPECT_EQ(whole.find("\n  memory peak"), std::string::npos) << whole;
  const std::string listed = results_text(results, {.width = 60});
  const std::string name = results.models[0].model.spec.name;
  expect_holds(
      listed, {"\n\n" + name + "\n  accuracy [95 %] of asked  ", "\n  memory peak               "});
  for (const char* figure : {"15/20", "questions/s"}) {
    EXPECT_EQ(listed.find(figure) == std::string::npos, whole.find(figure) == std::string::npos)
        << figure;
  }
}

TEST(ToAscii, TakesWhatLooksAlikeElseAQuestionMark) {
  EXPECT_EQ(to_ascii("63.1 % [58.3–67.6] · ±2 … ███▓░ 2×2 ≤ ≥ → −1 ’"),
            "63.1 % [58.3-67.6] | +-2 ... ####. 2x2 <= >= -> -1 '");
  EXPECT_EQ(to_ascii("ü 図 😀"), "? ? ?");
  EXPECT_EQ(to_ascii("a\xffz\x80\x80"), "a?z?") << "bytes that are no UTF-8";
}

TEST(ResultsText, IsAsciiWhenAsked) {
  const FinishedRun finished;
  EXPECT_TRUE(is_ascii(results_text(run::results_of(finished.journal), {.ascii = true})));
  EXPECT_TRUE(is_ascii(show_run_text(finished.journal, "", {.ascii = true})));
}

run::Progress progress_of(const scoring::Tally& tally) {
  run::Progress progress;
  progress.items = 1000;
  progress.done = 412;
  progress.done_now = 230;
  progress.seconds_now = 100;
  progress.budget = 12_GiB;
  progress.used = Bytes(10093173146);
  progress.peak = Bytes(11596411699);
  progress.counter = "footprint";
  progress.tally = &tally;
  return progress;
}

TEST(ProgressText, IsOneLineWithEverything) {
  scoring::Tally tally;
  for (int i = 0; i < 100; ++i) {
    tally.add(
        Outcome::kAnswered,
        true,
        scoring::Score{
            i < 63 ? scoring::Verdict::kCorrect : scoring::Verdict::kWrong, i < 63 ? 1.0 : 0.0, ""},
        std::to_string(i));
  }
  EXPECT_EQ(progress_text(progress_of(tally), {}),
            "412/1000 · 2.3 q/s · ETA 4m16s · accuracy 63.0 % [53.4–72.6] · footprint 9.4/12.0 GiB "
            "███░ peak 10.8 · failed 0");
}

struct Narrow {
  std::size_t width;
  const char* line;
};

TEST(ProgressText, LeavesOutWhatMattersLeastWhereTheLineIsTooLong) {
  scoring::Tally tally;
  tally.add(Outcome::kAnswered, true, scoring::Score{scoring::Verdict::kCorrect, 1.0, ""}, "0");
  run::Progress progress = progress_of(tally);
  progress.failed = 3;
  const std::vector<Narrow> cases{
      {85, "412/1000 · 2.3 q/s · ETA 4m16s · accuracy 100.0 % · footprint 9.4/12.0 GiB · failed 3"},
      {60, "412/1000 · ETA 4m16s · footprint 9.4/12.0 GiB · failed 3"},
      {40, "412/1000 · failed 3"},
      {12, "412/1000"},
      {6, "412/1…"},
  };
  for (const Narrow& narrow : cases) {
    EXPECT_EQ(progress_text(progress, {}, narrow.width), narrow.line) << narrow.width;
  }
}

TEST(ProgressText, IsAsciiWhenAskedAndWarnsInColour) {
  const scoring::Tally tally;
  run::Progress progress = progress_of(tally);
  EXPECT_TRUE(is_ascii(progress_text(progress, {.ascii = true})));
  progress.used = 11_GiB;
  EXPECT_NE(progress_text(progress, {.colour = true}).find("\x1b[33m"), std::string::npos);
  progress.used = 12_GiB;
  EXPECT_NE(progress_text(progress, {.colour = true}).find("\x1b[31m"), std::string::npos);
}

TEST(ProgressText, BeforeTheFirstAnswerHasNoSpeedAndNoAccuracy) {
  run::Progress progress;
  progress.items = 5;
  EXPECT_EQ(progress_text(progress, {}), "0/5 · failed 0");
}

TEST(Show, RunTellsHowItStandsAndWhatFailed) {
  const FinishedRun finished;
  expect_holds(show_run_text(finished.journal, "", {}),
               {"run abc123",
                "finished",
                "p1-q1",
                "the script fails p1-q1",
                "[E-SCRIPT]",
                finished.world.folder.path().string(),
                "fake 1.0 on cpu"});
}

TEST(Show, ItemTellsQuestionAnswerAndScore) {
  const FinishedRun finished;
  expect_holds(show_item_text(finished.journal, "", "p0-q1", {}),
               {"question p0-q1?", "answer to p0-q1", "wrong", "p0.png", "prefill"});
  EXPECT_EQ(show_item_json(finished.journal, "", "p0-q1").at(0).at("answer"), "wrong");
}

TEST(Show, UnknownItemIsRefusedWithTheNearest) {
  const FinishedRun finished;
  try {
    show_item_text(finished.journal, "", "p0-q11", {});
    FAIL() << "shown";
  } catch (const UsageError& error) {
    EXPECT_EQ(error.code(), "E-ITEM-ID");
    expect_holds(error.what(), {"p0-q1"});
  }
}

TEST(Runs, ListStatesAndUnreadableOnes) {
  RunWorld world;
  const auto make = [&](const std::string& name) {
    std::filesystem::create_directory(world.folder / name);
    return run::Journal::create(world.folder / name, name, test::spec_of(), world.clock);
  };
  make("killed");
  const run::Journal held = make("held");
  std::filesystem::create_directory(world.folder / "broken");
  std::filesystem::copy_file(HEADROOM_SOURCE_DIR "/CMakeLists.txt",
                             world.folder / "broken" / "run.db");
  const auto folders = run::list_runs(world.folder.path());
  ASSERT_EQ(folders.size(), 3U);
  const std::string text = runs_text(folders, {});
  expect_holds(text, {"interrupted", "running", "unreadable", "0/0"});
  EXPECT_EQ(runs_json(folders).size(), 3U);
}

/// Fifteen questions, read 20 times a second; one engine dies.
struct MemoryRun {
  MemoryRun() : journal(world.begin(dataset_of(items_of(3, 5)))) {
    FakeBackend backend;
    backend.script[7] = FakeBackend::Event::kDie;
    backend.before_answer = [this] {
      world.clock.advance(std::chrono::milliseconds(50));
      world.source.now.time = world.clock.wall();
      world.sampler.tick();
    };
    world.ask(journal, backend);
  }

  RunWorld world;
  run::Journal journal;
};

TEST(ShowMemory, DrawsAndCountsWhatHappened) {
  const MemoryRun run;
  expect_holds(show_memory_text(run.journal, {}),
               {"run abc123 · finished · memory",
                "fake · footprint · budget 512.0 MiB",
                "clean-up, normal: periodic      3          3    0 B",
                "death, signal",
                "512.0 MiB",
                "D",
                "peak        60.0 MiB of 512.0 MiB (11.7 %): kept",
                "plan        3 groups: measured against planned",
                "prediction  3 groups: measured against predicted",
                "readings    25 from 2026-01-02T03:04:05Z"});
}

TEST(ShowMemory, IsAsciiWhereThatIsAsked) {
  const MemoryRun run;
  EXPECT_TRUE(is_ascii(show_memory_text(run.journal, {.ascii = true})));
  EXPECT_FALSE(is_ascii(show_memory_text(run.journal, {})));
}

TEST(ShowMemory, AsJsonHasTheSameFigures) {
  const MemoryRun run;
  const Json json = show_memory_json(run.journal);
  EXPECT_EQ(json.at("schema"), "headroom.memory_overview/1");
  const Json& model = json.at("models").at(0);
  EXPECT_EQ(model.at("budget_bytes"), (512_MiB).count());
  EXPECT_EQ(model.at("measured_peak_bytes"), (60_MiB).count());
  EXPECT_EQ(model.at("cleanups").at(0).at("count"), 3);
  EXPECT_EQ(model.at("cleanups").at(0).at("fruitless"), 3);
  EXPECT_EQ(model.at("counts").at("death, signal"), 1);
  EXPECT_EQ(model.at("prediction").at("groups"), 3);
  EXPECT_EQ(model.at("series").size(), 15U);
  EXPECT_EQ(model.at("marks").size(), 4U);
}

TEST(ShowMemory, OfARunThatIsGoingOnShowsWhatIsCommitted) {
  RunWorld world;
  run::Journal journal = world.begin(dataset_of(items_of(3, 1)));
  FakeBackend backend;
  backend.before_answer = [&] {
    world.clock.advance(std::chrono::milliseconds(50));
    world.source.now.time = world.clock.wall();
    world.sampler.tick();
    const run::JournalReader reader = run::JournalReader::open(world.folder.path());
    const Json json = show_memory_json(reader);
    EXPECT_EQ(json.at("state"), "running");
    EXPECT_EQ(json.at("models").at(0).at("series").size(), backend.asked.size());
    EXPECT_FALSE(show_memory_text(reader, {}).empty());
  };
  world.ask(journal, backend);
  EXPECT_EQ(backend.asked.size(), 3U);
}

TEST(ShowMemory, OfARunThatWasStoppedShowsWhatThereIs) {
  RunWorld world;
  run::Journal journal = world.begin(dataset_of(items_of(3, 1)));
  FakeBackend backend;
  backend.script[2] = FakeBackend::Event::kCancel;
  world.source.now.time = world.clock.wall();
  EXPECT_THROW(world.ask(journal, backend), Cancelled);
  expect_holds(show_memory_text(journal, {}), {"interrupted", "readings    "});
}

}  // namespace
}  // namespace headroom::report
