#include "report/exports.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "base/errors.h"
#include "base/files.h"
#include "report/terminal.h"
#include "run/run_world.h"

namespace headroom::report {
namespace {

using test::dataset_of;
using test::FakeBackend;
using test::items_of;
using test::RunWorld;

std::vector<Json> lines_of(const std::filesystem::path& file) {
  std::vector<Json> records;
  std::istringstream stream(read_file(file));
  for (std::string line; std::getline(stream, line);) {
    records.push_back(parse_json(line, file.string()));
  }
  return records;
}

/// A finished run: 2 pictures, 2 questions each, the second answered wrongly, the last failed.
struct FinishedRun {
  explicit FinishedRun(const std::function<void(FakeBackend&)>& change = [](FakeBackend&) {})
      : journal(world.begin(dataset_of(items_of(2, 2)))) {
    FakeBackend backend;
    backend.failures = {{"p1-q1", Outcome::kImage}};
    backend.answer_of = [](const worker::AskItem& item) {
      return item.id == "p0-q1" ? "wrong" : "answer to " + item.id;
    };
    change(backend);
    world.ask(journal, backend);
  }

  RunWorld world;
  run::Journal journal;
};

TEST(Exports, TheOldToolsJsonHasItsArithmetic) {
  const FinishedRun finished;
  const Json json = legacy_results_json(finished.journal);
  EXPECT_EQ(json.at("schema"), "headroom.legacy_results/1");
  const Json& model = json.at("models").at(0);
  EXPECT_EQ(model.at("model"), "fake");
  EXPECT_EQ(model.at("total"), 4);
  EXPECT_EQ(model.at("correct"), 2);
  EXPECT_DOUBLE_EQ(model.at("simple_accuracy").get<double>(), 0.5);
  EXPECT_DOUBLE_EQ(model.at("vqa_accuracy").get<double>(), 0.5);
  const Json& first = model.at("results").at(0);
  EXPECT_EQ(first.at("question_id"), "p0-q0");
  EXPECT_EQ(first.at("ground_truth"), "answer to p0-q0");
  EXPECT_EQ(first.at("correct"), true);
  const Json& failed = model.at("results").at(3);
  EXPECT_TRUE(failed.at("answer").is_null()) << "failure text is no answer";
  EXPECT_FALSE(failed.at("error").is_null());
  EXPECT_EQ(failed.at("correct"), false);
}

TEST(Exports, TheOldToolsAccuracyLeavesOutWhatHasNoReference) {
  RunWorld world;
  auto items = items_of(2, 2);
  items[1].truth = {};
  run::Journal journal = world.begin(dataset_of(items));
  FakeBackend backend;
  backend.answer_of = [](const worker::AskItem& item) {
    return item.id == "p1-q1" ? "wrong" : "answer to " + item.id;
  };
  world.ask(journal, backend);
  const Json model = legacy_results_json(journal).at("models").at(0);
  EXPECT_EQ(model.at("total"), 3);
  EXPECT_EQ(model.at("correct"), 2);
  EXPECT_EQ(model.at("without_reference"), 1);
  EXPECT_DOUBLE_EQ(model.at("simple_accuracy").get<double>(), 2.0 / 3.0);
  EXPECT_DOUBLE_EQ(model.at("vqa_accuracy").get<double>(), 2.0 / 3.0);
  ASSERT_EQ(model.at("results").size(), 4U);
  const Json& unknown = model.at("results").at(1);
  EXPECT_TRUE(unknown.at("correct").is_null());
  EXPECT_TRUE(unknown.at("vqa_accuracy").is_null());
  EXPECT_TRUE(unknown.at("ground_truth").is_null());
  EXPECT_EQ(unknown.at("answer"), "answer to p0-q1");
}

TEST(Exports, TheOldToolsFileIsWrittenOnlyWhereItIsAskedFor) {
  const FinishedRun finished;
  rebuild_exports(finished.journal);
  EXPECT_FALSE(std::filesystem::exists(finished.world.folder / "vqa_results.json"));
  RunWorld world;
  run::Specification spec = test::spec_of();
  spec.legacy_results = true;
  run::Journal journal = world.begin(dataset_of(items_of(1, 1)), spec);
  FakeBackend backend;
  world.ask(journal, backend);
  rebuild_exports(journal);
  const Json written = parse_json(read_file(world.folder / "vqa_results.json"), "vqa_results");
  EXPECT_EQ(written, legacy_results_json(journal));
}

TEST(Exports, AnswersHaveTheWordsThatWereAskedAndTheSystemMessage) {
  RunWorld world;
  run::Specification spec = test::spec_of();
  spec.system = "Be brief.";
  std::vector<datasets::Item> items = items_of(1, 2);
  items[1].conversation.back().parts.back().text = "In one word: question p0-q1?";
  run::Journal journal = world.begin(dataset_of(items), spec);
  FakeBackend backend;
  world.ask(journal, backend);
  rebuild_exports(journal);
  const std::vector<Json> answers = lines_of(world.folder / "answers.jsonl");
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0].at("system"), "Be brief.");
  EXPECT_FALSE(answers[0].contains("asked")) << "the question's own words";
  EXPECT_EQ(answers[1].at("question"), "question p0-q1?");
  EXPECT_EQ(answers[1].at("asked"), "In one word: question p0-q1?");
}

TEST(Exports, SummaryComparesTheBestModelWithEachOther) {
  RunWorld world;
  run::Specification spec = test::spec_of();
  spec.models.push_back(spec.models[0]);
  spec.models[1].name = "other";
  run::Journal journal = world.begin(dataset_of(items_of(10, 2)), spec);
  for (std::uint32_t model = 0; model < 2; ++model) {
    FakeBackend backend;
    backend.answer_of = [&](const worker::AskItem& item) {
      return model == 1 && item.id == "p3-q0" ? "wrong" : "answer to " + item.id;
    };
    world.model = model;
    world.ask(journal, backend);
  }
  const run::RunResults results = run::results_of(journal);
  const Json best = summary_json(results).at("best");
  EXPECT_EQ(best.at("model"), "fake");
  const Json& against = best.at("against").at(0);
  EXPECT_EQ(against.at("model"), "other");
  EXPECT_EQ(against.at("questions"), 20);
  EXPECT_EQ(against.at("only_best_right"), 1);
  EXPECT_EQ(against.at("mcnemar_p_value"), 1.0);
  // One difference of 1 in ten clusters of two: SE 0.05, so 2.8016^2 * 20 questions.
  EXPECT_EQ(against.at("questions_to_tell_5_points"), 157);
  const std::string text = results_text(results, {});
  EXPECT_NE(
      text.find("against other: +5.0 points [-6.3 to +16.3] of 20 questions about 10 "
                "pictures\n    not told apart (paired t test clustered by picture, p = 0.343); "
                "needs about 157 questions to tell 5 points four times in five (Miller 2024)\n"),
      std::string::npos)
      << text;
  EXPECT_NE(text.find("answer type  questions"), std::string::npos) << text;
}

TEST(Exports, SummaryHoldsAtLeastWhatTheInterfacePromises) {
  FinishedRun finished;
  rebuild_exports(finished.journal);
  const Json summary =
      parse_json(read_file(finished.world.folder / "summary.json"), "summary.json");
  EXPECT_EQ(summary.at("schema"), "headroom.summary/1");
  EXPECT_EQ(summary.at("run"), "abc123");
  EXPECT_EQ(summary.at("test"), "vqa");
  const Json& model = summary.at("models").at(0);
  EXPECT_EQ(model.at("name"), "fake");
  EXPECT_EQ(model.at("engine"), "fake");
  EXPECT_EQ(model.at("total"), 4);
  EXPECT_EQ(model.at("answered"), 3);
  EXPECT_EQ(model.at("correct"), 2);
  EXPECT_DOUBLE_EQ(model.at("accuracy").get<double>(), 0.5);
  EXPECT_DOUBLE_EQ(model.at("accuracy_answered").get<double>(), 2.0 / 3.0);
  EXPECT_EQ(model.at("interval").size(), 2U);
  EXPECT_EQ(model.at("outcomes").at("answered"), 3);
  EXPECT_EQ(model.at("outcomes").at("image"), 1);
  EXPECT_EQ(model.at("outcomes").size(), 7U) << "every outcome is there, also those of 0";
  EXPECT_TRUE(model.contains("questions_per_second"));
  for (const char* phase : {"load", "preprocess", "encode", "prefill", "decode", "other"}) {
    EXPECT_TRUE(model.at("seconds").at(phase).is_number()) << phase;
  }
  EXPECT_EQ(model.at("budget_bytes"), (512_MiB).count());
  EXPECT_TRUE(model.at("planned_peak_bytes").is_number_unsigned());
  EXPECT_EQ(model.at("measured_peak_bytes"), (60_MiB).count());
  EXPECT_EQ(model.at("cleanups"), 0);
  EXPECT_EQ(model.at("worker_restarts"), 0);
}

TEST(Exports, OfARunWhoseWriterIsGoneSayThatItWasInterrupted) {
  RunWorld world;
  world.begin(dataset_of(items_of(1, 1)));
  const run::JournalReader reader = run::JournalReader::open(world.folder.path());
  ASSERT_EQ(reader.run().state, run::RunState::kRunning);
  EXPECT_EQ(summary_json(run::results_of(reader)).at("state"), "interrupted");
}

TEST(Exports, AnswersHoldAtLeastWhatTheInterfacePromises) {
  FinishedRun finished;
  rebuild_exports(finished.journal);
  const std::vector<Json> answers = lines_of(finished.world.folder / "answers.jsonl");
  ASSERT_EQ(answers.size(), 4U);
  const Json& right = answers[0];
  EXPECT_EQ(right.at("schema"), "headroom.answer/1");
  EXPECT_EQ(right.at("model"), "fake");
  EXPECT_EQ(right.at("id"), "p0-q0");
  EXPECT_EQ(right.at("image"), "p0.png");
  EXPECT_EQ(right.at("question"), "question p0-q0?");
  EXPECT_EQ(right.at("references"), Json::array({"answer to p0-q0"}));
  EXPECT_EQ(right.at("answer"), "answer to p0-q0");
  EXPECT_EQ(right.at("outcome"), "answered");
  EXPECT_EQ(right.at("verdict"), "correct");
  EXPECT_EQ(right.at("score"), 1.0);
  EXPECT_EQ(right.at("token_ids").size(), 15U);
  EXPECT_DOUBLE_EQ(right.at("seconds").at("decode").get<double>(), 0.004);
  EXPECT_EQ(right.at("memory").at("measured_peak_bytes"), (60_MiB).count());
  EXPECT_TRUE(right.at("memory").at("planned_peak_bytes").is_number_unsigned());
  EXPECT_EQ(right.at("rung"), "");
  EXPECT_EQ(answers[1].at("verdict"), "wrong");
}

TEST(Exports, AnAnswerSaysItsArmDialogueAndTurnWhereItHasThem) {
  RunWorld world;
  auto items = items_of(1, 2);
  items[1].arm = "history";
  items[1].dialogue = "p0";
  items[1].turn = 1;
  run::Journal journal = world.begin(dataset_of(items));
  FakeBackend backend;
  world.ask(journal, backend);
  rebuild_exports(journal);
  const std::vector<Json> answers = lines_of(world.folder / "answers.jsonl");
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_FALSE(answers[0].contains("arm"));
  EXPECT_FALSE(answers[0].contains("turn"));
  EXPECT_EQ(answers[1].at("arm"), "history");
  EXPECT_EQ(answers[1].at("dialogue"), "p0");
  EXPECT_EQ(answers[1].at("turn"), 1);
}

TEST(Exports, AFailureHasNoTextNoVerdictAndNoScore) {
  FinishedRun finished;
  rebuild_exports(finished.journal);
  const Json failed = lines_of(finished.world.folder / "answers.jsonl").at(3);
  EXPECT_EQ(failed.at("outcome"), "image");
  EXPECT_TRUE(failed.at("answer").is_null());
  EXPECT_TRUE(failed.at("verdict").is_null());
  EXPECT_TRUE(failed.at("score").is_null());
  EXPECT_EQ(failed.at("error_code"), "E-SCRIPT");
}

TEST(Exports, AreTheSameBytesEachTimeFromTheJournalAlone) {
  FinishedRun finished;
  rebuild_exports(finished.journal);
  const auto& folder = finished.world.folder;
  std::vector<std::string> first;
  for (const char* name : {"summary.json", "answers.jsonl", "memory.jsonl"}) {
    first.push_back(read_file(folder / name));
    std::filesystem::remove(folder / name);
  }
  rebuild_exports(run::JournalReader::open(folder.path()));
  EXPECT_EQ(read_file(folder / "summary.json"), first[0]);
  EXPECT_EQ(read_file(folder / "answers.jsonl"), first[1]);
  EXPECT_EQ(read_file(folder / "memory.jsonl"), first[2]);
}

TEST(Exports, MemoryLinesTellGroupsCleanUpsDeathsAndTheUnload) {
  FinishedRun finished([](FakeBackend& backend) { backend.script[2] = FakeBackend::Event::kDie; });
  rebuild_exports(finished.journal);
  std::map<std::string, int> kinds;
  for (const Json& line : lines_of(finished.world.folder / "memory.jsonl")) {
    EXPECT_EQ(line.at("schema"), "headroom.memory/1");
    EXPECT_EQ(line.at("model"), "fake");
    ++kinds[line.at("kind").get<std::string>()];
  }
  EXPECT_EQ(kinds["budget"], 1);
  EXPECT_EQ(kinds["plan"], 1);
  EXPECT_EQ(kinds["load"], 1);
  EXPECT_EQ(kinds["group"], 2);
  EXPECT_EQ(kinds["death"], 1);
  EXPECT_EQ(kinds["unload"], 1);
}

TEST(Exports, MemoryLinesAreReadingsAndEventsInOrderOfTime) {
  RunWorld world;
  run::Journal journal = world.begin(dataset_of(items_of(3, 5)));
  FakeBackend backend;
  backend.script[2] = FakeBackend::Event::kDie;
  backend.before_answer = [&] {
    world.clock.advance(std::chrono::milliseconds(75));
    world.source.now.time = world.clock.wall();
    world.sampler.tick();
  };
  world.ask(journal, backend);
  rebuild_exports(journal);
  const std::vector<Json> lines = lines_of(world.folder / "memory.jsonl");
  std::map<std::string, int> kinds;
  std::string before;
  for (const Json& line : lines) {
    EXPECT_EQ(line.at("schema"), "headroom.memory/1");
    EXPECT_EQ(line.at("model"), "fake");
    EXPECT_GE(line.at("time").get<std::string>(), before);
    before = line.at("time").get<std::string>();
    ++kinds[line.at("kind").get<std::string>()];
    if (line.at("kind") == "reading") {
      EXPECT_EQ(line.at("phase"), "ask");
      EXPECT_EQ(line.at("footprint_bytes").at("high"), (60_MiB).count());
    }
    if (line.at("kind") == "clean") {
      EXPECT_EQ(line.at("phase"), "clean");
      EXPECT_TRUE(line.contains("item"));
    }
  }
  EXPECT_EQ(kinds["reading"], 15);
  EXPECT_EQ(kinds["clean"], 3);
  EXPECT_EQ(kinds["death"], 1);
  EXPECT_EQ(lines.front().at("kind"), "budget");
  EXPECT_EQ(lines.back().at("kind"), "unload");
}

TEST(Exports, OfAnUnwritableFolderFailNamingItAndLeaveTheOldFile) {
  FinishedRun finished;
  const auto& folder = finished.world.folder;
  std::filesystem::create_directory(folder / "summary.json");  // rename over a folder fails
  std::ofstream(folder / "summary.json" / "kept") << "x";
  try {
    rebuild_exports(finished.journal);
    FAIL() << "written";
  } catch (const ResourceError& error) {
    EXPECT_EQ(error.code(), "E-WRITE");
    const std::string text = error.what();
    EXPECT_NE(text.find("summary.json"), std::string::npos) << text;
    EXPECT_NE(text.find("`headroom resume " + folder.path().string() + "`"), std::string::npos)
        << text;
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    EXPECT_EQ(entry.path().string().find(".tmp"), std::string::npos) << entry.path();
  }
}

TEST(Exports, TextsThatAreNotUtf8DoNotStopThem) {
  FinishedRun finished([](FakeBackend& backend) {
    backend.answer_of = [](const worker::AskItem&) {
      return std::string("\xff\xfe line\nfeed\x00", 13);
    };
  });
  rebuild_exports(finished.journal);
  EXPECT_EQ(lines_of(finished.world.folder / "answers.jsonl").size(), 4U);
}

}  // namespace
}  // namespace headroom::report
