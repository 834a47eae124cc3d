// Troubles that users reported, met by the built program: tests/data/cases/<case>/README.md.

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

class Cases : public ::testing::Test {
 protected:
  /// Copies a case's input into the working folder and returns its truth.
  Json begin(const std::string& name) const {
    const fs::path folder = fs::path(HEADROOM_TEST_DATA) / "cases" / name;
    fs::copy(folder / "input", folder_.path(), fs::copy_options::recursive);
    std::ifstream file(folder / "expected.json");
    return Json::parse(file);
  }

  Start command(std::vector<std::string> arguments) const {
    return {std::move(arguments), folder_.path(), {}, {}, false};
  }

  static std::vector<fs::path> runs_in(const fs::path& out) {
    std::vector<fs::path> folders;
    if (fs::exists(out)) {
      for (const auto& entry : fs::directory_iterator(out)) {
        folders.push_back(entry.path());
      }
    }
    return folders;
  }

  /// answers.jsonl of a run, by id.
  static std::map<std::string, Json> answers(const fs::path& run) {
    std::map<std::string, Json> all;
    std::ifstream file(run / "answers.jsonl");
    for (std::string line; std::getline(file, line);) {
      Json answer = Json::parse(line);
      const std::string id = answer["id"];
      EXPECT_TRUE(all.emplace(id, std::move(answer)).second) << line;
    }
    return all;
  }

  static void expect_answers(const fs::path& run, const Json& truth) {
    const auto got = answers(run);
    EXPECT_EQ(got.size(), truth.size()) << run;
    for (const auto& [id, text] : truth.items()) {
      ASSERT_TRUE(got.contains(id)) << id;
      EXPECT_EQ(got.at(id)["answer"], text) << id;
    }
  }

  TemporaryFolder folder_;
};

TEST_F(Cases, TwoRunsStartedAtOnceIntoOneFolderKeepApart) {
  const Json truth = begin("12-two-runs-one-folder");
  const std::vector<std::string> words{"vqa", "-m", "demo", "-d", "ask.jsonl", "-o", "out", "-q"};
  Running first(command(words));
  Running second(command(words));
  EXPECT_EQ(first.wait().status, 0);
  EXPECT_EQ(second.wait().status, 0);
  const auto runs = runs_in(folder_ / "out");
  ASSERT_EQ(runs.size(), 2U);
  for (const fs::path& run : runs) {
    expect_answers(run, truth["demo_answers_float32"]);
  }
}

TEST_F(Cases, ARunKilledInItsMiddleGoesOnAtOnce) {
  const Json truth = begin("12-two-runs-one-folder");
  Running running(held(command({"vqa", "-d", "ask.jsonl", "-o", "out", "-vv"}), "prompt of "));
  ASSERT_TRUE(running.wait_until_held());
  running.signal(SIGKILL);
  running.wait();
  const auto runs = runs_in(folder_ / "out");
  ASSERT_EQ(runs.size(), 1U);
  const Finished resumed = run(command({"resume", runs.front().string()}));
  EXPECT_EQ(resumed.status, 0) << resumed.err;
  expect_answers(runs.front(), truth["demo_answers_float32"]);
}

TEST_F(Cases, OnlyTheCutFilesQuestionsHaveNoAnswer) {
  const Json truth = begin("25-truncated-files");
  const Finished finished = run(command({"vqa", "-d", "ask.jsonl", "--max-tokens", "4"}));
  EXPECT_EQ(finished.status, truth["exit_code"]) << finished.err;
  const auto got = answers(runs_in(folder_ / "runs").at(0));
  ASSERT_EQ(got.size(), truth["items"]);
  for (const auto& [name, picture] : truth["pictures"].items()) {
    const Json& answer = got.at(name);
    const std::string wanted = picture["outcome"] == "ok" ? "answered" : picture["outcome"];
    EXPECT_EQ(answer["outcome"], wanted) << dump_json(answer);
    if (wanted == "image") {
      EXPECT_NE(dump_json(answer["error"]).find(name), std::string::npos) << dump_json(answer);
    }
  }
}

TEST_F(Cases, PlacesForPicturesAreCountedInEachQuestion) {
  const Json truth = begin("26-image-word-in-question");
  const Finished finished = run(command({"vqa", "-d", "ask.jsonl", "--max-tokens", "4", "-vv"}));
  EXPECT_EQ(finished.status, truth["exit_code"]) << finished.err;
  const auto got = answers(runs_in(folder_ / "runs").at(0));
  ASSERT_EQ(got.size(), truth["items"]);
  for (const Json& item : truth["item"]) {
    const std::string id = item["id"];
    const bool answered = got.at(id)["outcome"] == "answered";
    EXPECT_EQ(answered, item["outcome"] == "answered") << dump_json(got.at(id));
    if (item.contains("prompt")) {
      const std::string shown = "prompt of " + id + ": " + dump_json(item["prompt"]);
      EXPECT_NE(finished.err.find(shown), std::string::npos) << shown << "\n" << finished.err;
    }
  }
}

TEST_F(Cases, TwoItemsWithOneIdAreRefusedWithBothLines) {
  const Json truth = begin("41-duplicate-ids");
  const Finished finished = run(command({"vqa", "-d", "duplicates.jsonl"}));
  EXPECT_EQ(finished.status, truth["refuse"]["exit_code"]);
  for (const std::string fragment : {"q1", "1", "3"}) {
    EXPECT_NE(finished.err.find(fragment), std::string::npos) << finished.err;
  }
}

TEST_F(Cases, WhatNobodyKnowsIsAskedAndNotScored) {
  begin("44-no-references");
  const Finished finished =
      run(command({"vqa", "-d", "llava_questions.jsonl", "--max-tokens", "4", "--json"}));
  EXPECT_EQ(finished.status, 0) << finished.err;
  const Json summary = Json::parse(finished.out);
  EXPECT_EQ(summary["models"][0]["answered"], 2);
  EXPECT_TRUE(summary["models"][0]["accuracy"].is_null()) << finished.out;
}

TEST_F(Cases, ACacheThatMayOnlyBeReadIsEnough) {
  const SmallDisk disk(folder_ / "cache", "size=32m");
  if (!disk.mounted()) {
    GTEST_SKIP() << "needs the right to mount a tmpfs (root): " << std::strerror(errno);
  }
  const DemoCheckpoint checkpoint(disk.folder() / "download");
  make_hub_cache(disk.folder() / "hub",
                 "someone/demo-vlm",
                 "0123456789abcdef0123456789abcdef01234567",
                 checkpoint.path());
  ASSERT_TRUE(disk.make_read_only());
  fs::copy_file(demo_assets() / "easy-vqa/test/images/0.png", folder_ / "red.png");
  std::ofstream(folder_ / "ask.jsonl")
      << R"({"id":"q1","image":"red.png","question":"what is the color of the triangle?"})" << '\n';
  Start start = command({"vqa", "-m", "someone/demo-vlm", "-d", "ask.jsonl"});
  start.environment["HF_HUB_CACHE"] = (disk.folder() / "hub").string();
  const Finished finished = run(start);
  EXPECT_EQ(finished.status, 0) << finished.err;
  EXPECT_NE(finished.err.find("snapshot 01234567"), std::string::npos) << finished.err;
  EXPECT_EQ(answers(runs_in(folder_ / "runs").at(0)).at("q1")["answer"], "red");
}

}  // namespace
}  // namespace headroom::test
