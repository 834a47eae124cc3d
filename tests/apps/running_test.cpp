#include <gtest/gtest.h>
#include <signal.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "demo_checkpoint.h"
#include "process.h"
#include "small_disk.h"
#include "support/temporary_folder.h"

namespace headroom::test {
namespace {

namespace fs = std::filesystem;

class RunningTest : public ::testing::Test {
 protected:
  Start command(std::vector<std::string> arguments) const {
    return {std::move(arguments), folder_.path(), {}, {}, false};
  }

  std::vector<fs::path> runs() const {
    std::vector<fs::path> folders;
    if (fs::exists(folder_ / "runs")) {
      for (const auto& entry : fs::directory_iterator(folder_ / "runs")) {
        folders.push_back(entry.path());
      }
    }
    return folders;
  }

  /// id -> answer, of one run.
  static std::map<std::string, std::string> answers(const fs::path& run) {
    std::map<std::string, std::string> all;
    std::ifstream file(run / "answers.jsonl");
    for (std::string line; std::getline(file, line);) {
      const Json answer = Json::parse(line);
      EXPECT_TRUE(all.emplace(answer["id"], dump_json(answer["answer"])).second) << line;
    }
    return all;
  }

  TemporaryFolder folder_;
};

TEST_F(RunningTest, AsksAnswersScoresAndExports) {
  const Finished finished = run(command(
      {"vqa", "-m", "demo", "-d", "easy-vqa", "--limit", "50", "--memory", "512MiB", "--json"}));
  ASSERT_EQ(finished.status, 0) << finished.err;
  const Json summary = Json::parse(finished.out);
  EXPECT_EQ(summary["schema"], "headroom.summary/1");
  const Json& model = summary["models"][0];
  EXPECT_EQ(model["total"], 50);
  EXPECT_EQ(model["answered"], 50);
  EXPECT_GE(model["correct"], 49);
  EXPECT_EQ(model["budget_bytes"], 512U << 20U);
  EXPECT_LT(model["measured_peak_bytes"], 512U << 20U);
  ASSERT_EQ(runs().size(), 1U);
  EXPECT_EQ(answers(runs().front()).size(), 50U);
  std::ifstream stored(runs().front() / "summary.json");
  EXPECT_EQ(Json::parse(stored)["models"][0]["correct"], model["correct"]);
}

TEST_F(RunningTest, ShowDrawsTheMemoryOfARun) {
  ASSERT_EQ(run(command({"vqa", "--limit", "20", "--memory", "512MiB", "-q"})).status, 0);
  const Finished drawn = run(command({"show", "--memory", "--ascii"}));
  EXPECT_EQ(drawn.status, 0) << drawn.err;
  EXPECT_NE(drawn.out.find("budget 512.0 MiB from --memory"), std::string::npos) << drawn.out;
  EXPECT_NE(drawn.out.find("# active"), std::string::npos) << drawn.out;
  const Finished told = run(command({"show", "--memory", "--json"}));
  const Json overview = Json::parse(told.out);
  const Json& model = overview.at("models").at(0);
  EXPECT_GT(model.at("series").size(), 1U);
  EXPECT_TRUE(model.at("series").at(0).contains("footprint_bytes"));
  EXPECT_GE(model.at("prediction").at("groups"), 1);
  EXPECT_EQ(run(command({"show", "last", "some-id", "--memory"})).status, 2);
}

TEST_F(RunningTest, SameOutTwiceKeepsBothRuns) {
  const std::vector<std::string> words{"vqa", "--limit", "3", "-q"};
  ASSERT_EQ(run(command(words)).status, 0);
  const auto first = runs();
  ASSERT_EQ(run(command(words)).status, 0);
  EXPECT_EQ(runs().size(), 2U);
  EXPECT_EQ(answers(first.front()).size(), 3U);
}

TEST_F(RunningTest, BelowFailUnderExitsWithFour) {
  std::ofstream(folder_ / "data.jsonl")
      << R"({"id":"a","image":")" << (demo_assets() / "easy-vqa/test/images/0.png").string()
      << R"(","question":"what is the color of the shape?","answer":"not a colour"})" << '\n';
  const Finished below = run(command({"vqa", "-d", "data.jsonl", "--fail-under", "50"}));
  EXPECT_EQ(below.status, 4);
  EXPECT_NE(below.err.find("demo: 0.00 % of 1 question is below --fail-under 50 %"),
            std::string::npos)
      << below.err;
  EXPECT_EQ(run(command({"vqa", "-d", "data.jsonl", "--fail-under", "0", "-q"})).status, 0);
}

TEST_F(RunningTest, FailUnderSaysWhenNothingCanBeScored) {
  std::ofstream(folder_ / "data.jsonl") << R"({"id":"a","question":"what?"})" << '\n';
  const Finished finished = run(command({"vqa", "-d", "data.jsonl", "--fail-under", "50"}));
  EXPECT_EQ(finished.status, 4);
  EXPECT_NE(finished.err.find("the data have nothing that an answer could be scored by"),
            std::string::npos)
      << finished.err;
}

/// Interrupted in its middle, then resumed: as if it had never been.
TEST_F(RunningTest, AnInterruptedRunSaysHowToGoOnAndGoesOn) {
  for (const int signal : {SIGINT, SIGTERM}) {
    Running running(
        held(command({"vqa", "--limit", "300", "-v", "--cleanup-every", "5"}), "clean-up"));
    ASSERT_TRUE(running.wait_until_held());
    running.signal(signal);
    const Finished stopped = running.wait();
    EXPECT_EQ(stopped.status, 128 + signal) << stopped.err;
    EXPECT_NE(stopped.err.find("headroom resume "), std::string::npos) << stopped.err;
  }
  for (const fs::path& folder : runs()) {
    const auto before = answers(folder);
    EXPECT_LT(before.size(), 300U);
    const Finished resumed = run(command({"resume", folder.string(), "-q"}));
    EXPECT_EQ(resumed.status, 0) << resumed.err;
    const auto after = answers(folder);
    EXPECT_EQ(after.size(), 300U);
    for (const auto& [id, answer] : before) {
      EXPECT_EQ(after.at(id), answer) << id;
    }
  }
}

/// The data's own field names and picture folder are part of the run: it goes on with them.
TEST_F(RunningTest, MappedFieldsAndAPictureFolderAreKeptForResume) {
  std::ofstream data(folder_ / "mine.jsonl");
  for (int i = 0; i < 600; ++i) {
    data << R"({"key":"k)" << i << R"(","file":")" << i % 100
         << R"(.png","Q":"is there a circle?"})" << '\n';
  }
  data.close();
  const std::string images = (demo_assets() / "easy-vqa/test/images").string();
  Running running(held(command({"vqa",
                                "-d",
                                "mine.jsonl",
                                "--map",
                                "id=key,image=file",
                                "--map",
                                "question=Q",
                                "--images",
                                images,
                                "-v",
                                "--cleanup-every",
                                "5"}),
                       "clean-up"));
  ASSERT_TRUE(running.wait_until_held());
  running.signal(SIGINT);
  ASSERT_EQ(running.wait().status, 130);
  ASSERT_EQ(runs().size(), 1U);
  const Finished resumed = run(command({"resume", "-q"}));
  EXPECT_EQ(resumed.status, 0) << resumed.err;
  EXPECT_EQ(answers(runs().front()).size(), 600U);
}

TEST_F(RunningTest, ASecondRunOnOneJournalIsRefusedWithFolderAndProcess) {
  Running running(
      held(command({"vqa", "--limit", "300", "-v", "--cleanup-every", "5"}), "clean-up"));
  ASSERT_TRUE(running.wait_until_held());
  ASSERT_EQ(runs().size(), 1U);
  const Finished second = run(command({"resume", runs().front().string()}));
  EXPECT_EQ(second.status, 2) << second.err;
  EXPECT_NE(second.err.find("E-RUN-LOCKED"), std::string::npos) << second.err;
  EXPECT_NE(second.err.find(runs().front().filename().string()), std::string::npos) << second.err;
  EXPECT_NE(second.err.find(std::to_string(running.pid())), std::string::npos) << second.err;
  const Finished shown = run(command({"show", runs().front().string(), "--json"}));
  EXPECT_EQ(shown.status, 0) << shown.err;
  running.signal(SIGKILL);
  running.wait();
  EXPECT_EQ(run(command({"resume", "-q"})).status, 0) << "the holder is dead";
  EXPECT_EQ(answers(runs().front()).size(), 300U);
}

TEST_F(RunningTest, ResumeLeavesARunInProgressAlone) {
  Running stopped(
      held(command({"vqa", "--limit", "150", "-v", "--cleanup-every", "5"}), "clean-up"));
  ASSERT_TRUE(stopped.wait_until_held());
  stopped.signal(SIGKILL);
  stopped.wait();
  ASSERT_EQ(runs().size(), 1U);
  const fs::path left = runs().front();
  Running going(held(command({"vqa", "--limit", "300", "-v", "--cleanup-every", "5"}), "clean-up"));
  ASSERT_TRUE(going.wait_until_held());
  const Finished resumed = run(command({"resume", "-q"}));
  EXPECT_EQ(resumed.status, 0) << resumed.err;
  EXPECT_EQ(answers(left).size(), 150U);
  const Finished none = run(command({"resume", "-q"}));
  EXPECT_EQ(none.status, 2) << none.err;
  EXPECT_NE(none.err.find("(1 in progress)"), std::string::npos) << none.err;
}

/// Nothing was begun, so there is nothing to be said of going on.
TEST_F(RunningTest, ARefusedResumeSaysOnlyWhatIsWrong) {
  Running running(
      held(command({"vqa", "--limit", "300", "-v", "--cleanup-every", "5"}), "clean-up"));
  ASSERT_TRUE(running.wait_until_held());
  running.signal(SIGINT);
  ASSERT_EQ(running.wait().status, 130);
  const Finished refused = run(command({"resume", "--memory", "1KiB"}));
  EXPECT_EQ(refused.status, 5) << refused.err;
  EXPECT_NE(refused.err.find("E-MEM-PLAN"), std::string::npos) << refused.err;
  EXPECT_EQ(refused.err.find("stopped;"), std::string::npos) << refused.err;
}

TEST_F(RunningTest, AsksWithAllStandardStreamsClosed) {
  Start start =
      command({"-c", "exec \"$0\" vqa --limit 3 <&- >&- 2>&-", HEADROOM_BUILD_DIR "/headroom"});
  start.program = "/bin/sh";
  EXPECT_EQ(run(start).status, 0);
  ASSERT_EQ(runs().size(), 1U);
  EXPECT_EQ(answers(runs().front()).size(), 3U);
}

TEST_F(RunningTest, PlanSaysWhatCannotBeAsked) {
  const std::string picture = (demo_assets() / "easy-vqa/test/images/0.png").string();
  std::ofstream(folder_ / "data.jsonl")
      << R"({"id":"a","image":")" << picture << R"(","question":"what is the shape?"})" << '\n'
      << R"({"id":"b","image":"gone.png","question":"what is the shape?"})" << '\n'
      << R"({"id":"c","image":")" << picture << R"(","question":""})" << '\n';
  const Finished told = run(command({"plan", "-d", "data.jsonl", "--memory", "512MiB"}));
  EXPECT_EQ(told.status, 0) << told.err;
  EXPECT_NE(told.out.find("2 of 3 questions cannot be asked; 1 for want of a picture"),
            std::string::npos)
      << told.out;
  const Finished json = run(command({"plan", "-d", "data.jsonl", "--memory", "512MiB", "--json"}));
  const Json plan = Json::parse(json.out).at(0);
  EXPECT_EQ(plan.at("questions"), 3);
  EXPECT_EQ(plan.at("unaskable"), Json({{"without_picture", 1}, {"defects", 1}}));
}

TEST_F(RunningTest, FailuresAreShownWithTheirReasons) {
  std::ofstream(folder_ / "data.jsonl")
      << R"({"id":"b","image":"gone.png","question":"what?"})" << '\n'
      << R"({"id":"c","question":"Where?"})" << '\n';
  const Finished finished = run(command({"vqa", "-d", "data.jsonl"}));
  EXPECT_EQ(finished.status, 3) << finished.err;
  EXPECT_NE(finished.err.find("demo: 1 of 2 without an answer: b\n  b: gone.png: "),
            std::string::npos)
      << finished.err;
  EXPECT_NE(finished.err.find("1 of 2 questions has no picture: asked as text alone: c (line 2)"),
            std::string::npos)
      << finished.err;
  const std::string shown =
      "`headroom show " + ("runs" / runs().front().filename()).string() + " b`";
  EXPECT_NE(finished.err.find(shown), std::string::npos) << finished.err;
}

TEST_F(RunningTest, AReaderThatLeavesIsNoError) {
  Start start = command({"vqa", "--limit", "3", "-q"});
  start.close_output = true;
  const Finished finished = run(start);
  EXPECT_EQ(finished.status, 0) << finished.err;
  EXPECT_EQ(answers(runs().front()).size(), 3U);
}

TEST_F(RunningTest, ModelsAreAskedOneAfterAnother) {
  const DemoCheckpoint other(folder_ / "other");
  const Finished finished =
      run(command({"vqa", "--models", "demo", "./other", "--questions", "5", "--json"}));
  ASSERT_EQ(finished.status, 0) << finished.err;
  const Json summary = Json::parse(finished.out);
  ASSERT_EQ(summary["models"].size(), 2U);
  EXPECT_EQ(summary["models"][0]["correct"], summary["models"][1]["correct"]);
  EXPECT_EQ(summary["models"][1]["answered"], 5);
}

TEST_F(RunningTest, FailuresAreAskedAgainAndKeptAside) {
  const std::string picture = (demo_assets() / "easy-vqa/test/images/0.png").string();
  std::ofstream(folder_ / "broken.png") << "no picture";
  std::ofstream(folder_ / "data.jsonl")
      << R"({"id":"a","image":")" << picture << R"(","question":"what is the shape?"})" << '\n'
      << R"({"id":"b","image":"broken.png","question":"what is the shape?"})" << '\n';
  ASSERT_EQ(run(command({"vqa", "-d", "data.jsonl", "-q"})).status, 3);
  EXPECT_EQ(run(command({"resume", "-q"})).status, 2) << "nothing is left to ask";
  const Finished again = run(command({"resume", "--retry-failed", "--json"}));
  EXPECT_EQ(again.status, 3) << again.err;
  EXPECT_NE(again.err.find("1 failure is set aside"), std::string::npos) << again.err;
  const Json model = Json::parse(again.out)["models"][0];
  EXPECT_EQ(model["superseded"], 1);
  EXPECT_EQ(model["answered"], 1);
  EXPECT_EQ(model["outcomes"]["image"], 1);
}

TEST_F(RunningTest, ACachedModelIsUsedAndItsSnapshotPrinted) {
  const DemoCheckpoint checkpoint(folder_ / "download");
  make_hub_cache(folder_ / "hub",
                 "someone/demo-vlm",
                 "0123456789abcdef0123456789abcdef01234567",
                 checkpoint.path(),
                 "\n");
  Start start = command({"vqa", "-m", "someone/demo-vlm", "--limit", "3"});
  start.environment["HF_HUB_CACHE"] = (folder_ / "hub").string();
  const Finished finished = run(start);
  EXPECT_EQ(finished.status, 0) << finished.err;
  EXPECT_NE(finished.err.find("snapshot 01234567"), std::string::npos) << finished.err;
}

TEST_F(RunningTest, VeryVerboseShowsPromptsAsTheModelGotThem) {
  const Finished finished = run(command({"vqa", "--limit", "1", "-vv"}));
  EXPECT_EQ(finished.status, 0);
  EXPECT_NE(finished.err.find("prompt of "), std::string::npos) << finished.err;
  EXPECT_NE(finished.err.find("what is the red shape?"), std::string::npos) << finished.err;
}

TEST_F(RunningTest, AsciiMeansAscii) {
  const Finished finished = run(command({"vqa", "--limit", "3", "--ascii", "-v"}));
  EXPECT_EQ(finished.status, 0);
  for (const char c : finished.out + finished.err) {
    ASSERT_GE(c, 0) << finished.out << finished.err;
  }
}

TEST_F(RunningTest, ThePlanLoadsNothingAndComparesTheNumbers) {
  const Finished fits = run(command({"plan", "--memory", "512MiB"}));
  EXPECT_EQ(fits.status, 0) << fits.err;
  EXPECT_NE(fits.out.find("fits"), std::string::npos) << fits.out;
  EXPECT_NE(fits.out.find("weights"), std::string::npos) << fits.out;
  const Finished refused = run(command({"plan", "--memory", "24MiB"}));
  EXPECT_EQ(refused.status, 5) << refused.out;
  EXPECT_NE(refused.out.find("does not fit"), std::string::npos) << refused.out;
  EXPECT_TRUE(runs().empty());
}

TEST_F(RunningTest, ThePlanIsOfTheTestThatItIsAskedFor) {
  const std::string pictures = (fs::path(HEADROOM_SOURCE_DIR) / "tests/data/demo/scenes").string();
  const auto planned = [&](const std::string& test) {
    const Finished finished =
        run(command({"plan", "--test", test, "-d", pictures, "--limit", "2", "--json"}));
    EXPECT_EQ(finished.status, 0) << finished.err;
    return Json::parse(finished.out).at(0);
  };
  const Json describe = planned("describe");
  const Json context = planned("context");
  EXPECT_EQ(describe["questions"], 5) << "two pictures, three prompts without any";
  EXPECT_EQ(context["questions"], 20);
  EXPECT_GT(context["plan"]["planned_peak_bytes"], describe["plan"]["planned_peak_bytes"])
      << "its history is longer";
  EXPECT_EQ(run(command({"plan", "--test", "describe"})).status, 2) << "of no pictures";
}

TEST_F(RunningTest, TheDoctorNamesEngineAndMemory) {
  const Finished finished = run(command({"doctor", "--json"}));
  ASSERT_EQ(finished.status, 0) << finished.err;
  const Json json = Json::parse(finished.out);
  EXPECT_EQ(json["engines"][0]["engine"], "mlx");
  EXPECT_GT(json["memory"]["system_available_bytes"], 0);
  ASSERT_EQ(json["missing"].size(), 2U) << finished.out;
  const std::string missing = json["missing"].dump();
  EXPECT_NE(missing.find("headroom setup torch"), std::string::npos) << missing;
  EXPECT_NE(missing.find("headroom setup llama"), std::string::npos) << missing;
}

TEST_F(RunningTest, AFullDiskStopsTheRunWhichGoesOnWhenThereIsSpace) {
  const SmallDisk disk(folder_ / "disk", "size=3m");
  if (!disk.mounted()) {
    GTEST_SKIP() << "needs the right to mount a tmpfs (root): " << std::strerror(errno);
  }
  const Finished full = run(command({"vqa", "--limit", "3000", "-o", disk.folder().string()}));
  EXPECT_EQ(full.status, 1) << full.err;
  EXPECT_NE(full.err.find("E-DISK-FULL"), std::string::npos) << full.err;
  EXPECT_NE(full.err.find("headroom resume"), std::string::npos) << full.err;
  ASSERT_TRUE(disk.resize("size=64m"));
  const Finished resumed = run(command({"resume", "-o", disk.folder().string(), "--json", "-q"}));
  EXPECT_EQ(resumed.status, 0) << resumed.err;
  EXPECT_EQ(Json::parse(resumed.out)["models"][0]["answered"], 3000);
}

TEST_F(RunningTest, ADiskThatIsFullBeforeAnyAnswerKeepsNothingOrARunThatGoesOn) {
  int kept = 0;
  int nothing = 0;
  for (const int kib : {4, 16, 32, 48, 64, 96, 128, 192}) {
    const std::string size = "size=" + std::to_string(kib) + "k";
    const SmallDisk disk(folder_ / ("disk" + std::to_string(kib)), size.c_str());
    if (!disk.mounted()) {
      GTEST_SKIP() << "needs the right to mount a tmpfs (root): " << std::strerror(errno);
    }
    const Finished full = run(command({"vqa", "--limit", "20", "-o", disk.folder().string()}));
    EXPECT_EQ(full.status, 1) << kib << " KiB: " << full.err;
    EXPECT_NE(full.err.find("E-DISK-FULL"), std::string::npos) << kib << " KiB: " << full.err;
    ASSERT_TRUE(disk.resize("size=64m"));
    if (fs::is_empty(disk.folder())) {
      EXPECT_NE(full.err.find("nothing is kept"), std::string::npos) << kib << " KiB: " << full.err;
      ++nothing;
      continue;
    }
    const Finished resumed = run(command({"resume", "-o", disk.folder().string(), "--json", "-q"}));
    ASSERT_EQ(resumed.status, 0) << kib << " KiB: " << full.err << resumed.err;
    EXPECT_EQ(Json::parse(resumed.out)["models"][0]["answered"], 20) << kib << " KiB";
    ++kept;
  }
  EXPECT_GT(nothing, 0);
  EXPECT_GT(kept, 0);
}

TEST_F(RunningTest, AModelWithoutATokenizerIsRefusedBeforeAnythingBegins) {
  for (const char* model : {"moondream2", "internvl_chat", "smolvlm"}) {
    const std::string folder = HEADROOM_TEST_DATA "/tiny/" + std::string(model);
    const Finished refused =
        run(command({"vqa", "-m", folder, "--limit", "2", "-o", (folder_ / "bare").string()}));
    EXPECT_EQ(refused.status, 2) << model << refused.err;
    EXPECT_NE(refused.err.find("E-TOKENIZER"), std::string::npos) << refused.err;
    EXPECT_NE(refused.err.find("tokenizer.json"), std::string::npos) << refused.err;
    EXPECT_FALSE(fs::exists(folder_ / "bare")) << model;
  }
}

}  // namespace
}  // namespace headroom::test
