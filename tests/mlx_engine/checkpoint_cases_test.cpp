// The checkpoint cases of tests/data/cases: each variant of each case is one test.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <fstream>

#include "asking.h"
#include "base/files.h"
#include "base/json.h"
#include "checkpoint_variant.h"
#include "support/case_text.h"
#include "support/temporary_folder.h"

namespace headroom::mlx_worker::testing {
namespace {

namespace fs = std::filesystem;

struct Variant {
  std::string folder;
  std::string name;
};

void PrintTo(const Variant& variant, std::ostream* out) {
  *out << variant.folder << " " << variant.name;
}

fs::path case_folder(const std::string& name) { return test_data() / "cases" / name; }

Json expected(const std::string& folder) {
  const fs::path path = case_folder(folder) / "expected.json";
  return parse_json(read_file(path), path.string());
}

std::vector<Variant> variants(std::initializer_list<const char*> folders) {
  std::vector<Variant> all;
  for (const char* folder : folders) {
    const Json whole = expected(folder);
    for (const auto& [name, truth] : whole["variants"].items()) {
      all.push_back({folder, name});
    }
  }
  return all;
}

/// The case's four questions, three about its picture.
worker::AskRequest questions(const std::string& folder) {
  worker::AskRequest request;
  request.group = folder;
  request.pictures = {picture(case_folder(folder) / "input/probe.png")};
  std::ifstream lines(case_folder(folder) / "input/ask.jsonl");
  for (std::string line; std::getline(lines, line);) {
    const Json row = Json::parse(line);
    request.items.push_back(question(row["id"], row["question"], row.contains("image")));
  }
  return request;
}

/// The ids that a variant must give: the unchanged demo's, unless the reference's differ and no
/// other rule is stated.
std::vector<std::int32_t> truth_of(const Json& whole, const Json& truth, const std::string& id) {
  const Json& said = truth["transformers_says"];
  const bool own =
      !truth.contains("expect") && !truth.contains("accept") && said.contains("generated");
  return own ? said["generated"][id] : whole["baseline"][id]["generated"];
}

class CheckpointCase : public ::testing::TestWithParam<Variant> {
 protected:
  void SetUp() override {
    whole_ = expected(GetParam().folder);
    truth_ = whole_["variants"][GetParam().name];
    make_variant(demo_model(),
                 case_folder(GetParam().folder) / "input/changes.json",
                 GetParam().name,
                 folder_ / "model");
  }

  void expect_refusal(const std::string& message) const {
    if (truth_.contains("accept")) {  // or refused naming both
      EXPECT_NE(message.find("model.safetensors"), std::string::npos) << message;
      EXPECT_NE(message.find("model.safetensors.index.json"), std::string::npos) << message;
      return;
    }
    const char* key =
        truth_["loads"] == "either" ? "message_contains_if_refused" : "message_contains";
    ASSERT_TRUE(truth_.contains(key)) << message;
    const bool fold = truth_.value("contains_is_case_insensitive", false);
    for (const std::string word : truth_[key]) {
      EXPECT_NE((fold ? test::lower(message) : message).find(fold ? test::lower(word) : word),
                std::string::npos)
          << word << " is not in: " << message;
    }
  }

  test::TemporaryFolder folder_;
  Json whole_;
  Json truth_;
};

TEST_P(CheckpointCase, IsRefusedOrAnswersAsItShould) {
  std::unique_ptr<Asked> asked;
  try {
    asked = std::make_unique<Asked>(folder_ / "model");
  } catch (const UsageError& error) {
    ASSERT_NE(truth_["loads"], Json(true)) << error.what();
    expect_refusal(error.what());
    return;
  }
  ASSERT_NE(truth_["loads"], Json(false));
  const auto answers = asked->ask(questions(GetParam().folder));
  ASSERT_EQ(answers.size(), 4U);
  for (const auto& [id, answer] : answers) {
    EXPECT_EQ(answer.outcome, Outcome::kAnswered) << answer.error;
    EXPECT_EQ(answer.token_ids, truth_of(whole_, truth_, id)) << id;
    if (answer.stopped) {
      EXPECT_EQ(answer.text.find('<'), std::string::npos) << answer.text;
    }
  }
  if (truth_.contains("expect") || !truth_["transformers_says"].contains("generated")) {
    EXPECT_EQ(answers.at("q1").text, whole_["baseline"]["q1"]["answer"]);
  }
}

class ConfigurationCase : public CheckpointCase {};

TEST_P(ConfigurationCase, IsPlannedLikeTheUnchangedDemoOrRefused) {
  SystemClock clock;
  NullLog log;
  MlxEngine engine(clock, log);
  worker::PlanRequest request;
  request.pictures = {{64, 64}, {640, 480}};
  request.model = demo_model().string();
  const Json clean = memory::to_json(engine.plan(request));
  request.model = (folder_ / "model").string();
  if (truth_["loads"] == Json(false)) {
    EXPECT_THROW(engine.plan(request), UsageError);
  } else {
    EXPECT_EQ(memory::to_json(engine.plan(request)), clean);
  }
}

std::string test_name(const ::testing::TestParamInfo<Variant>& info) {
  return "case" + info.param.folder.substr(0, 2) + "_" + info.param.name;
}

INSTANTIATE_TEST_SUITE_P(All,
                         CheckpointCase,
                         ::testing::ValuesIn(variants({"03-tied-head-four-ways",
                                                       "09-index-names-absent-shard",
                                                       "15-stray-file-beside-index",
                                                       "21-lfs-pointer-for-weights",
                                                       "27-safetensors-metadata",
                                                       "32-top-level-lies",
                                                       "37-turn-end-not-in-eos",
                                                       "42-extra-special-tokens-shapes"})),
                         test_name);

INSTANTIATE_TEST_SUITE_P(All,
                         ConfigurationCase,
                         ::testing::ValuesIn(variants({"32-top-level-lies"})),
                         test_name);

}  // namespace
}  // namespace headroom::mlx_worker::testing
