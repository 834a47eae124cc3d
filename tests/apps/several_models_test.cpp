#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "base/json.h"
#include "demo_checkpoint.h"
#include "process.h"
#include "support/temporary_folder.h"

namespace headroom::test {
namespace {

namespace fs = std::filesystem;

class SeveralModels : public ::testing::Test {
 protected:
  Finished headroom(std::vector<std::string> arguments,
                    std::map<std::string, std::string> environment = {}) const {
    return run({std::move(arguments), folder_.path(), std::move(environment), {}, false});
  }

  fs::path only_run() const {
    fs::path found;
    for (const auto& entry : fs::directory_iterator(folder_ / "runs")) {
      EXPECT_TRUE(found.empty()) << "one run, got " << entry.path();
      found = entry.path();
    }
    return found;
  }

  Json summary() const {
    std::ifstream stored(only_run() / "summary.json");
    return Json::parse(stored);
  }

  /// The lines of memory.jsonl of that kind.
  std::vector<Json> events(const std::string& kind) const {
    std::vector<Json> found;
    std::ifstream file(only_run() / "memory.jsonl");
    for (std::string line; std::getline(file, line);) {
      if (Json event = Json::parse(line); event["kind"] == kind) {
        found.push_back(std::move(event));
      }
    }
    return found;
  }

  TemporaryFolder folder_;
};

TEST_F(SeveralModels, ABrokenOneIsNamedAndTheOthersAreAsked) {
  DemoCheckpoint(folder_ / "half").to_float16();
  DemoCheckpoint(folder_ / "broken").truncate("model.safetensors", 0.5);
  const Finished finished =
      headroom({"vqa", "--models", "demo", "./half", "./broken", "--questions", "20"});
  EXPECT_EQ(finished.status, 3) << finished.err;
  EXPECT_NE(finished.err.find("broken: not run: "), std::string::npos) << finished.err;
  EXPECT_NE(finished.out.find("not run"), std::string::npos) << finished.out;
  EXPECT_NE(finished.out.find("[E-WEIGHTS-FILE]"), std::string::npos) << finished.out;
  const Json told = summary();
  EXPECT_EQ(told["state"], "finished");
  ASSERT_EQ(told["models"].size(), 3U);
  for (const std::size_t number : {0U, 1U}) {
    const Json& model = told["models"][number];
    EXPECT_TRUE(model["not_run"].is_null()) << model;
    EXPECT_EQ(model["answered"], 20) << model;
    EXPECT_NE(finished.out.find("\n" + model["name"].get<std::string>() + "\n  answers  "),
              std::string::npos)
        << finished.out;
  }
  const Json& broken = told["models"][2];
  EXPECT_EQ(broken["name"], "broken");
  EXPECT_EQ(broken["not_run"]["code"], "E-WEIGHTS-FILE");
  EXPECT_EQ(broken["answered"], 0);
  EXPECT_EQ(broken["pending"], 20);
  EXPECT_TRUE(broken["accuracy"].is_null());
}

TEST_F(SeveralModels, MemoryIsBackWhereItBeganBetweenThem) {
  DemoCheckpoint(folder_ / "half").to_float16();
  ASSERT_EQ(headroom({"vqa", "--models", "demo", "./half", "--questions", "20", "-q"}).status, 0);
  const std::vector<Json> loads = events("load");
  const std::vector<Json> unloads = events("unload");
  ASSERT_EQ(loads.size(), 2U);
  ASSERT_EQ(unloads.size(), 2U);
  EXPECT_LE(unloads[0]["time"].get<std::string>(), loads[1]["time"].get<std::string>())
      << "one is gone before the next is loaded";
  for (const Json& unload : unloads) {
    EXPECT_EQ(unload["detail"], "proved") << unload;
    EXPECT_LE(unload["numbers"]["left_bytes"].get<std::int64_t>(), 32 << 20) << unload;
  }
}

TEST_F(SeveralModels, WhatIsNotOnDiskIsReportedWithTheCommandThatFetchesIt) {
  const Finished finished = headroom({"vqa", "--models", "llava_mlx", "demo", "--questions", "3"});
  EXPECT_EQ(finished.status, 3) << finished.err;
  const Json told = summary();
  EXPECT_EQ(told["models"][0]["name"], "demo");
  EXPECT_EQ(told["models"][0]["answered"], 3);
  EXPECT_EQ(told["models"][1]["not_run"]["code"], "E-MODEL-NOT-CACHED");
  EXPECT_NE(finished.out.find("hf download mlx-community/llava-v1.6-mistral-7b-4bit"),
            std::string::npos)
      << finished.out;
}

TEST_F(SeveralModels, AMistypedNameIsReportedAndTheOthersAreAsked) {
  const Finished finished = headroom({"vqa", "--models", "dmeo", "demo", "--questions", "3"});
  EXPECT_EQ(finished.status, 3) << finished.err;
  const Json told = summary();
  EXPECT_EQ(told["models"][0]["name"], "demo");
  EXPECT_EQ(told["models"][0]["answered"], 3);
  EXPECT_EQ(told["models"][1]["name"], "dmeo");
  EXPECT_EQ(told["models"][1]["not_run"]["code"], "E-MODEL-NOT-FOUND");
  EXPECT_NE(finished.out.find("did you mean 'demo'?"), std::string::npos) << finished.out;
}

TEST_F(SeveralModels, NoneThatIsCalledSoIsAnErrorThatTellsEach) {
  const Finished finished = headroom({"vqa", "--models", "dmeo", "./nowhere"});
  EXPECT_EQ(finished.status, 2) << finished.err;
  for (const char* words :
       {"dmeo: not run: ", "./nowhere: not run: ", "error[E-MODEL-NOT-FOUND]"}) {
    EXPECT_NE(finished.err.find(words), std::string::npos) << words << ": " << finished.err;
  }
  EXPECT_FALSE(fs::exists(folder_ / "runs"));
}

TEST_F(SeveralModels, APlanListsEachAlsoThoseThatCannotBePlanned) {
  DemoCheckpoint(folder_ / "broken").truncate("model.safetensors", 0.5);
  const std::vector<std::string> words{
      "plan", "--models", "dmeo", "./broken", "demo", "--limit", "3"};
  const Finished text = headroom(words);
  EXPECT_EQ(text.status, 3) << text.err;
  for (const char* line : {"demo with easy-vqa: 3 questions", "dmeo: not planned: "}) {
    EXPECT_NE(text.out.find(line), std::string::npos) << line << ": " << text.out;
  }
  EXPECT_NE(text.out.find("broken: not planned: "), std::string::npos) << text.out;
  std::vector<std::string> as_json = words;
  as_json.emplace_back("--json");
  const Json plans = Json::parse(headroom(as_json).out);
  ASSERT_EQ(plans.size(), 3U);
  for (const Json& plan : plans) {
    EXPECT_EQ(plan.contains("plan"), plan["model"] == "demo") << plan;
    EXPECT_EQ(plan.contains("not_run"), plan["model"] != "demo") << plan;
  }
}

TEST_F(SeveralModels, APlanOfNoneIsAnErrorThatTellsEach) {
  const Finished finished = headroom({"plan", "--models", "dmeo", "./nowhere"});
  EXPECT_EQ(finished.status, 2) << finished.err;
  for (const char* words : {"dmeo: not run: ", "./nowhere: not run: "}) {
    EXPECT_NE(finished.err.find(words), std::string::npos) << words << ": " << finished.err;
  }
}

TEST_F(SeveralModels, NoneThatCanBeAskedIsAnErrorAndLeavesNoRun) {
  DemoCheckpoint(folder_ / "broken").truncate("model.safetensors", 0.5);
  const Finished finished = headroom({"vqa", "--models", "llava_mlx", "./broken"});
  EXPECT_EQ(finished.status, 2) << finished.err;
  EXPECT_FALSE(fs::exists(folder_ / "runs"));
}

TEST_F(SeveralModels, NoneThatFitsIsADoesNotFitThatTellsEach) {
  DemoCheckpoint(folder_ / "half").to_float16();
  const Finished finished =
      headroom({"vqa", "--models", "demo", "./half", "--memory", "24MiB", "--limit", "2"});
  EXPECT_EQ(finished.status, 5) << finished.err;
  for (const char* words : {"demo: not run: ", "half: not run: ", "error[E-MEM-PLAN]"}) {
    EXPECT_NE(finished.err.find(words), std::string::npos) << words << ": " << finished.err;
  }
  EXPECT_FALSE(fs::exists(folder_ / "runs"));
}

TEST_F(SeveralModels, NoneThatFitsAnyMoreIsADoesNotFitThatKeepsTheAnswers) {
  DemoCheckpoint(folder_ / "half").to_float16();
  const std::string picture = (demo_assets() / "easy-vqa/test/images/0.png").string();
  std::ofstream(folder_ / "data.jsonl")
      << R"({"id":"a","image":")" << picture << R"(","question":"what is the shape?"})" << '\n'
      << R"({"id":"b","image":"gone.png","question":"what is the shape?"})" << '\n';
  ASSERT_EQ(headroom({"vqa", "--models", "demo", "./half", "-d", "data.jsonl", "-q"}).status, 3);
  const Finished again =
      headroom({"resume", "--retry-failed", "--memory", "24MiB", "--json", "-q"});
  EXPECT_EQ(again.status, 5) << again.err;
  for (const Json& model : Json::parse(again.out)["models"]) {
    EXPECT_EQ(model["answered"], 1) << model;
    EXPECT_EQ(model["not_run"]["code"], "E-MEM-PLAN") << model;
  }
}

TEST_F(SeveralModels, TheLargestIsAskedFirstUnlessTheOrderIsGiven) {
  const DemoCheckpoint large(folder_ / "large");
  large.edit_weights_header(
      [](Json& header) { header["__metadata__"]["padding"] = std::string(1 << 20, 'x'); });
  for (const auto& [order, first] :
       std::map<std::string, std::string>{{"largest", "large"}, {"given", "demo"}}) {
    const Finished finished = headroom({"vqa",
                                        "--models",
                                        "demo",
                                        "./large",
                                        "--order",
                                        order,
                                        "--questions",
                                        "1",
                                        "--json",
                                        "-q"});
    ASSERT_EQ(finished.status, 0) << finished.err;
    EXPECT_EQ(Json::parse(finished.out)["models"][0]["name"], first) << order;
  }
}

/// The second model goes away while the first is asked.
TEST_F(SeveralModels, OneThatGoesAwayMeanwhileIsReportedAndAskedByRetry) {
  const DemoCheckpoint other(folder_ / "other");
  Running running(
      {{"vqa", "--models", "demo", "./other", "--limit", "200", "-v", "--cleanup-every", "5"},
       folder_.path(),
       {},
       {},
       false,
       "clean-up"});
  ASSERT_TRUE(running.wait_until_held());
  fs::rename(folder_ / "other/config.json", folder_ / "config.json");
  EXPECT_EQ(running.wait().status, 3);
  const Json told = summary();
  EXPECT_EQ(told["models"][0]["answered"], 200);
  EXPECT_FALSE(told["models"][1]["not_run"].is_null());
  fs::rename(folder_ / "config.json", folder_ / "other/config.json");
  const Finished again = headroom({"resume", "--retry-failed", "--json", "-q"});
  EXPECT_EQ(again.status, 0) << again.err;
  const Json resumed = Json::parse(again.out);
  EXPECT_EQ(resumed["models"][1]["answered"], 200);
  EXPECT_TRUE(resumed["models"][1]["not_run"].is_null());
}

TEST_F(SeveralModels, NamesOfTheConfigurationStandForModels) {
  const DemoCheckpoint mine(folder_ / "checkpoints/mine");
  std::ofstream(folder_ / "headroom.toml")
      << "[models]\nmine = \"./checkpoints/mine\"\nllava_mlx = \"demo\"\n";
  const Finished finished =
      headroom({"vqa", "--models", "mine", "llava_mlx", "--questions", "2", "--json", "-q"});
  ASSERT_EQ(finished.status, 0) << finished.err;
  const Json models = Json::parse(finished.out)["models"];
  EXPECT_EQ(models[0]["name"], "mine");
  EXPECT_EQ(models[1]["name"], "llava_mlx");
}

TEST_F(SeveralModels, ANameWithoutAWordIsRefusedWithItsLine) {
  std::ofstream(folder_ / "headroom.toml") << "[models]\nmine = 3\n";
  const Finished finished = headroom({"models"});
  EXPECT_EQ(finished.status, 2);
  EXPECT_NE(finished.err.find("line 2: models.mine"), std::string::npos) << finished.err;
}

TEST_F(SeveralModels, TheListSaysWhatIsHereAndHowTheRestIsFetched) {
  const DemoCheckpoint checkpoint(folder_ / "download");
  make_hub_cache(folder_ / "hub",
                 "someone/demo-vlm",
                 "0123456789abcdef0123456789abcdef01234567",
                 checkpoint.path());
  const std::map<std::string, std::string> hub{{"HF_HUB_CACHE", (folder_ / "hub").string()}};
  const Finished listed = headroom({"models", "--json"}, hub);
  ASSERT_EQ(listed.status, 0) << listed.err;
  std::map<std::string, Json> models;
  for (const Json& model : Json::parse(listed.out)) {
    models[model["name"]] = model;
  }
  ASSERT_EQ(models.size(), 7U) << listed.out;
  EXPECT_EQ(models["demo"]["family"], "smolvlm");
  EXPECT_EQ(models["demo"]["dtype"], "bfloat16");
  EXPECT_EQ(models["demo"]["weights_bytes"],
            fs::file_size(demo_assets() / "model/model.safetensors"));
  EXPECT_EQ(models["someone/demo-vlm"]["on_disk"], true);
  EXPECT_EQ(models["phi35_vision"]["fetch"],
            "hf download mlx-community/Phi-3.5-vision-instruct-4bit");
  EXPECT_EQ(models["smolvlm_instruct"]["fetch"], "hf download ggml-org/SmolVLM-500M-Instruct-GGUF");
  EXPECT_EQ(models["moondream2"]["fetch"], "hf download vikhyatk/moondream2");
  const Finished text = headroom({"models"}, hub);
  EXPECT_NE(text.out.find("llava_mlx: hf download mlx-community/llava-v1.6-mistral-7b-4bit"),
            std::string::npos)
      << text.out;
}

}  // namespace
}  // namespace headroom::test
