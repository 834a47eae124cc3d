// The program with llama.cpp's server as its child, played by one without a model.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "process.h"
#include "support/gguf_file.h"
#include "support/temporary_folder.h"

namespace headroom::test {
namespace {

namespace fs = std::filesystem;

constexpr int kBudgetBroken = 5;

class Gguf : public ::testing::Test {
 protected:
  Gguf() {
    small_gguf_text().write(folder_ / "model.gguf");
    small_gguf_vision().write(folder_ / "mmproj.gguf");
    std::ofstream(folder_ / "log").flush();
  }

  Finished headroom(std::vector<std::string> arguments,
                    const Json& behaviour = Json::object()) const {
    return run({std::move(arguments),
                folder_.path(),
                {{"HEADROOM_LLAMA_SERVER", HEADROOM_SOURCE_DIR "/tests/tools/fake_llama_server.py"},
                 {"FAKE_LLAMA_LOG", (folder_ / "log").string()},
                 {"FAKE_LLAMA", behaviour.dump()}},
                {},
                false});
  }

  Finished ask(std::vector<std::string> more, const Json& behaviour = Json::object()) const {
    std::vector<std::string> words = {
        "vqa", "-m", "gguf:model.gguf", "-d", "easy-vqa", "-o", "out", "--json"};
    words.insert(words.end(), more.begin(), more.end());
    return headroom(std::move(words), behaviour);
  }

  static Json model_of(const Finished& finished) { return Json::parse(finished.out)["models"][0]; }

  fs::path only_run() const { return fs::directory_iterator(folder_ / "out")->path(); }

  std::vector<Json> lines(const fs::path& file, const std::string& key) const {
    std::vector<Json> found;
    std::ifstream stream(file);
    for (std::string line; std::getline(stream, line);) {
      Json json = Json::parse(line);
      if (json.contains(key)) {
        found.push_back(std::move(json));
      }
    }
    return found;
  }

  std::vector<Json> starts() const { return lines(folder_ / "log", "start"); }

  /// Memory events of that kind.
  std::vector<Json> events(const std::string& kind) const {
    std::vector<Json> found = lines(only_run() / "memory.jsonl", "kind");
    std::erase_if(found, [&](const Json& event) { return event["kind"] != kind; });
    return found;
  }

  TemporaryFolder folder_;
};

TEST_F(Gguf, IsAskedThroughItsServerAndPlannedFromItsHeaders) {
  const Finished finished = ask({"--limit", "30", "--memory", "512MiB"});
  ASSERT_EQ(finished.status, 0) << finished.err;
  const Json model = model_of(finished);
  EXPECT_EQ(model["engine"], "llama.cpp");
  EXPECT_EQ(model["engine_version"], "fake 1");
  EXPECT_EQ(model["name"], "model-gguf");
  EXPECT_EQ(model["dtype"], "F16");
  EXPECT_EQ(model["answered"], 30);
  EXPECT_LE(model["measured_peak_bytes"], model["budget_bytes"]);
  EXPECT_EQ(starts().size(), 1U);
}

TEST_F(Gguf, AServerThatLivesForOneQuestionIsCounted) {
  const Finished finished = ask({"--limit", "1", "--memory", "512MiB"}, {{"load_mib", 100}});
  ASSERT_EQ(finished.status, 0) << finished.err;
  EXPECT_GT(model_of(finished)["measured_peak_bytes"], 100 << 20);
}

TEST_F(Gguf, WhatAServerHeldForAMomentIsCountedByTheKernelsMark) {
  const Finished finished = ask({"--limit", "1", "--memory", "512MiB"}, {{"spike_mib", 100}});
  ASSERT_EQ(finished.status, 0) << finished.err;
  EXPECT_GT(model_of(finished)["measured_peak_bytes"], 100 << 20);
}

TEST_F(Gguf, AServerBehindAWrapperIsCounted) {
  const fs::path wrapper = folder_ / "wrapper";
  std::ofstream(wrapper) << "#!/bin/sh\n"
                         << HEADROOM_SOURCE_DIR "/tests/tools/fake_llama_server.py \"$@\"\n"
                         << "exit $?\n";
  fs::permissions(wrapper, fs::perms::owner_all);
  const Finished finished =
      ask({"--limit", "1", "--memory", "512MiB", "--llama-server", wrapper.string()},
          {{"load_mib", 100}});
  ASSERT_EQ(finished.status, 0) << finished.err;
  EXPECT_GT(model_of(finished)["measured_peak_bytes"], 100 << 20);
}

TEST_F(Gguf, ThePlanNamesItsPartsAndStartsNothing) {
  const Finished finished =
      headroom({"plan", "-m", "gguf:model.gguf", "-d", "easy-vqa", "--memory", "512MiB"});
  EXPECT_EQ(finished.status, 0) << finished.err;
  for (const char* part : {"KV cache", "compute buffers", "vision buffers", "weights", "engine"}) {
    EXPECT_NE(finished.out.find(part), std::string::npos) << part << "\n" << finished.out;
  }
  EXPECT_TRUE(starts().empty());
}

TEST_F(Gguf, ABudgetThatIsTooSmallIsRefusedBeforeItIsStarted) {
  const Finished finished = ask({"--limit", "3", "--memory", "20MiB"});
  EXPECT_EQ(finished.status, 5) << finished.err;
  EXPECT_NE(finished.err.find("E-MEM-PLAN"), std::string::npos) << finished.err;
  EXPECT_NE(finished.err.find("> budget 20.0 MiB"), std::string::npos) << finished.err;
  EXPECT_TRUE(starts().empty());
}

TEST_F(Gguf, ARefusalNamesShorterAnswersThatFit) {
  // A context that the model's figures make dear: 128 KiB for a token.
  small_gguf_text()
      .count("llama.attention.key_length", 8192)
      .count("llama.attention.value_length", 8192)
      .write(folder_ / "model.gguf");
  const std::vector<std::string> words = {
      "plan", "-m", "gguf:model.gguf+mmproj=none", "-d", "text.jsonl", "--memory", "400MiB"};
  std::ofstream(folder_ / "text.jsonl") << R"({"id":"a","question":"What?","answer":"x"})" << "\n";
  const auto plan = [&](const std::string& tokens) {
    std::vector<std::string> all = words;
    all.insert(all.end(), {"--max-tokens", tokens});
    return headroom(std::move(all));
  };
  const Finished refused = plan("1800");
  EXPECT_EQ(refused.status, 5) << refused.out << refused.err;
  const std::size_t at = refused.out.find("--max-tokens ");
  ASSERT_NE(at, std::string::npos) << refused.out << refused.err;
  const std::string proposed = std::to_string(std::stoi(refused.out.substr(at + 13)));
  EXPECT_EQ(plan(proposed).status, 0) << proposed;
}

TEST_F(Gguf, KilledInMidRunAllIsAnswered) {
  const Finished finished = ask({"--limit", "40", "--memory", "512MiB"}, {{"die_at", {5, 17, 30}}});
  ASSERT_EQ(finished.status, 0) << finished.err;
  EXPECT_EQ(model_of(finished)["answered"], 40);
  EXPECT_EQ(starts().size(), 4U);
}

TEST_F(Gguf, OneThatGrowsIsErasedAndThenStartedAgainBetweenGroups) {
  const std::vector<std::string> words = {
      "--limit", "160", "--memory", "400MiB", "--concurrency", "1"};
  const Finished erased = ask(words, {{"grow_mib", 2}, {"erase_frees", true}});
  ASSERT_EQ(erased.status, 0) << erased.err;
  EXPECT_EQ(model_of(erased)["answered"], 160);
  EXPECT_EQ(starts().size(), 1U) << "erasing was enough";
  ASSERT_FALSE(events("clean").empty());
  EXPECT_EQ(events("clean").front()["detail"], "normal");
  fs::remove_all(folder_ / "out");
  const Finished restarted = ask(words, {{"grow_mib", 2}});
  ASSERT_EQ(restarted.status, 0) << restarted.err;
  EXPECT_EQ(model_of(restarted)["answered"], 160);
  EXPECT_EQ(events("clean").at(1)["detail"], "aggressive");
  EXPECT_GT(starts().size(), 2U);
  EXPECT_LE(model_of(restarted)["measured_peak_bytes"], model_of(restarted)["budget_bytes"]);
}

TEST_F(Gguf, OneThatGrowsPastTheBudgetIsStoppedAndTheRunGoesOn) {
  const Finished finished =
      ask({"--limit", "12", "--memory", "200MiB", "--cleanup", "off"}, {{"grow_mib", 64}});
  const Json model = model_of(finished);
  // The wall may stand a little above the budget: pages of files that others read count elsewhere.
  EXPECT_TRUE(finished.status == 0 || finished.status == 3 || finished.status == kBudgetBroken)
      << finished.status << finished.err;
  EXPECT_EQ(model["answered"].get<int>() + model["outcomes"].value("memory", 0), 12)
      << model.dump(1) << finished.err;
  EXPECT_GT(starts().size(), 1U);
  EXPECT_NE(finished.err.find("the server died (out of memory)"), std::string::npos)
      << finished.err;
}

TEST_F(Gguf, AServerThatDoesNotStartIsToldWithItsWords) {
  const Finished finished = ask({"--limit", "3"}, {{"exit", 3}});
  EXPECT_EQ(finished.status, 1) << finished.err;
  EXPECT_NE(finished.err.find("E-SERVER-START"), std::string::npos) << finished.err;
  EXPECT_NE(finished.err.find("it was told to fail"), std::string::npos) << finished.err;
}

TEST_F(Gguf, ItsAbsenceIsOneLineWithTheCommandThatGetsIt) {
  const Finished finished = run({{"vqa", "-m", "gguf:model.gguf", "--limit", "1"},
                                 folder_.path(),
                                 {{"PATH", "/nowhere"}},
                                 {},
                                 false});
  EXPECT_EQ(finished.status, 2);
  EXPECT_NE(finished.err.find("error[E-ENGINE-MISSING]: llama.cpp's server is not here"),
            std::string::npos)
      << finished.err;
  EXPECT_NE(finished.err.find("get it with: headroom setup llama\n"), std::string::npos);
  EXPECT_FALSE(fs::exists(folder_ / "runs"));
}

TEST_F(Gguf, DoctorListsItOrTheCommandThatGetsIt) {
  const Json with = Json::parse(headroom({"doctor", "--json"}).out);
  bool found = false;
  for (const Json& engine : with["engines"]) {
    found = found || (engine["engine"] == "llama.cpp" && engine["version"] == "fake 1");
  }
  EXPECT_TRUE(found) << with.dump(1);
  const Finished without =
      run({{"doctor", "--json"}, folder_.path(), {{"PATH", "/nowhere"}}, {}, false});
  EXPECT_NE(Json::parse(without.out)["missing"].dump().find("headroom setup llama"),
            std::string::npos)
      << without.out;
}

TEST_F(Gguf, ModelsListsWhatIsCachedByItsQuantisation) {
  const fs::path repository = folder_ / "hub" / "models--org--small-GGUF";
  const fs::path snapshot = repository / "snapshots" / "0123456789abcdef";
  fs::create_directories(snapshot);
  fs::create_directories(repository / "refs");
  std::ofstream(repository / "refs" / "main") << "0123456789abcdef";
  small_gguf_text().write(snapshot / "small-F16.gguf");
  small_gguf_text().write(snapshot / "small-Q4_K_M.gguf");
  small_gguf_vision().write(snapshot / "mmproj-small.gguf");
  const Finished finished = run({{"models", "--json"},
                                 folder_.path(),
                                 {{"HF_HUB_CACHE", (folder_ / "hub").string()}},
                                 {},
                                 false});
  ASSERT_EQ(finished.status, 0) << finished.err;
  std::map<std::string, Json> rows;
  for (const Json& row : Json::parse(finished.out)) {
    rows[row["name"]] = row;
  }
  ASSERT_TRUE(rows.contains("gguf:org/small-GGUF:Q4_K_M")) << finished.out;
  const Json& row = rows["gguf:org/small-GGUF:F16"];
  EXPECT_EQ(row["family"], "llama");
  EXPECT_EQ(row["dtype"], "F16");
  EXPECT_GT(row["weights_bytes"], 10'000);
  EXPECT_TRUE(row["problem"].is_null()) << row.dump();
  EXPECT_FALSE(rows.contains("org/small-GGUF")) << "no engine takes it by that name";
}

TEST_F(Gguf, AModelThatChangedIsNotResumed) {
  ASSERT_EQ(ask({"--limit", "4"}).status, 0);
  small_gguf_vision().count("changed", 1).write(folder_ / "mmproj.gguf");
  const Finished resumed = headroom({"resume", only_run().string()});
  EXPECT_EQ(resumed.status, 2) << resumed.err;
  EXPECT_NE(resumed.err.find("mmproj.gguf (changed)"), std::string::npos) << resumed.err;
}

TEST_F(Gguf, AFileThatIsNoneIsRefusedBeforeAnythingIsStarted) {
  std::ofstream(folder_ / "model.gguf") << "GGUF and then nothing";
  const Finished finished = ask({"--limit", "1"});
  EXPECT_EQ(finished.status, 2) << finished.err;
  EXPECT_NE(finished.err.find("E-GGUF"), std::string::npos) << finished.err;
  EXPECT_TRUE(starts().empty());
}

}  // namespace
}  // namespace headroom::test
