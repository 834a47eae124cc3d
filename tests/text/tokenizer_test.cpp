#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/errors.h"
#include "base/files.h"
#include "base/json.h"
#include "model_folder.h"
#include "support/jsonl_table.h"

namespace headroom::text {
namespace {

const std::filesystem::path kModel = HEADROOM_SOURCE_DIR "/assets/demo/model";
const std::filesystem::path kData = HEADROOM_TEST_DATA "/text";
using Ids = std::vector<std::int32_t>;

TEST(Tokenizer, GivesTheIdsOfTheReferenceForEachPublishedKind) {
  const auto rows = test::read_jsonl_table(kData / "tokenizer_goldens.jsonl");
  ASSERT_GT(rows.size(), 400U);
  std::map<std::string, Tokenizer> tokenizers;
  for (const auto& row : rows) {
    const auto name = row["tokenizer"].get<std::string>();
    if (!tokenizers.contains(name)) {
      ModelFolder model("tokenizer");
      model.copy(kData / "tokenizers" / (name + ".json"), "tokenizer.json");
      tokenizers.emplace(name, Tokenizer::load(model.path()));
    }
    const auto& tokenizer = tokenizers.at(name);
    const auto text = row["text"].get<std::string>();
    EXPECT_EQ(tokenizer.encode(text, false), row["ids"].get<Ids>()) << name << ": " << row["text"];
    const auto special = row["with_special"].get<Ids>();
    EXPECT_EQ(tokenizer.encode(text, true), special) << name << ": " << row["text"];
    EXPECT_EQ(tokenizer.decode(special, true), row["decoded"].get<std::string>()) << name;
  }
}

/// The demo's settings changed as one variant of the case asks; nothing when it removes them.
std::optional<Json> changed_settings(const Json& operations) {
  Json settings = parse_json(read_file(kModel / "tokenizer_config.json"), "settings");
  for (const auto& operation : operations) {
    const auto kind = operation["op"].get<std::string>();
    if (kind == "remove") {
      return std::nullopt;
    }
    const auto key = operation["path"][0].get<std::string>();
    if (kind == "set") {
      settings[key] = operation["value"];
    } else {
      settings.erase(key);
    }
  }
  return settings;
}

TEST(SpecialTokens, InEveryShapeGiveTheSameIds) {
  const auto changes = parse_json(
      read_file(HEADROOM_TEST_DATA "/cases/42-extra-special-tokens-shapes/input/changes.json"),
      "case");
  const auto baseline = Tokenizer::load(kModel);
  const std::string prompt =
      "<|im_start|>User:<fake_token_around_image><global-img><image><row_2_col_3>"
      "What color is the shape?<end_of_utterance>\nAssistant:";
  ASSERT_EQ(changes["variants"].size(), 6U);
  for (const auto& [name, operations] : changes["variants"].items()) {
    SCOPED_TRACE(name);
    ModelFolder model("shapes");
    model.copy(kModel / "tokenizer.json", "tokenizer.json");
    const auto settings = changed_settings(operations);
    if (settings) {
      model.write("tokenizer_config.json", settings->dump());
    }
    const auto tokenizer = Tokenizer::load(model.path());
    EXPECT_EQ(tokenizer.encode(prompt, false), baseline.encode(prompt, false));
    EXPECT_EQ(tokenizer.vocabulary_size(), baseline.vocabulary_size());
    EXPECT_EQ(tokenizer.eos_token(), settings ? baseline.eos_token() : std::nullopt);
    EXPECT_EQ(tokenizer.decode({5, 401}, true), baseline.decode({5, 401}, true));
  }
}

/// The demo's tokenizer with these settings beside it.
Tokenizer with_settings(const std::string& settings) {
  ModelFolder model("settings");
  model.copy(kModel / "tokenizer.json", "tokenizer.json");
  model.write("tokenizer_config.json", settings);
  return Tokenizer::load(model.path());
}

TEST(SpecialTokens, NamedOnlyInTheSettingsFollowTheVocabulary) {
  const auto size = static_cast<std::int32_t>(Tokenizer::load(kModel).vocabulary_size());
  for (const char* settings :
       {R"({"extra_special_tokens": ["<image>", "<extra>"]})",
        R"({"extra_special_tokens": {"image_token": "<image>", "x_token": "<extra>"}})",
        R"({"additional_special_tokens": ["<extra>"]})",
        R"({"additional_special_tokens": [{"content": "<extra>", "special": true}]})",
        R"({"additional_special_tokens": ["<extra>"], "extra_special_tokens": []})",
        R"({"added_tokens_decoder": {"9999": {"content": "<extra>", "special": true}}})",
        R"({"mask_token": "<extra>"})",
        R"({"sound_token": "<extra>"})",
        R"({"cls_token": {"__type": "AddedToken", "content": "<extra>"}})"}) {
    SCOPED_TRACE(settings);
    const auto tokenizer = with_settings(settings);
    EXPECT_EQ(tokenizer.encode("a<extra>", false).back(), size);
    EXPECT_EQ(tokenizer.id_to_token(size), "<extra>");
    EXPECT_EQ(tokenizer.decode({size}, true), "");
  }
}

TEST(SpecialTokens, OfTheSettingsAreNamedForTheTemplate) {
  const auto tokenizer = with_settings(
      R"({"bos_token": {"content": "<|im_start|>"}, "pad_token": null, "unk_token": "<|endoftext|>",
          "extra_special_tokens": {"image_token": "<image>"}})");
  EXPECT_EQ(tokenizer.bos_token(), "<|im_start|>");
  EXPECT_EQ(tokenizer.eos_token(), std::nullopt);
  EXPECT_EQ(tokenizer.pad_token(), std::nullopt);
  EXPECT_EQ(tokenizer.unk_token(), "<|endoftext|>");
  EXPECT_EQ(tokenizer.special_tokens_map().dump(),
            R"({"bos_token":"<|im_start|>","unk_token":"<|endoftext|>","image_token":"<image>"})");
}

TEST(SpecialTokens, OfTheOldMapCountBesideOldSettings) {
  ModelFolder model("map");
  model.copy(kModel / "tokenizer.json", "tokenizer.json");
  model.write("special_tokens_map.json", R"({"eos_token": {"content": "<|im_end|>"}})");
  EXPECT_EQ(Tokenizer::load(model.path()).eos_token(), "<|im_end|>");
  model.write("tokenizer_config.json", R"({"added_tokens_decoder": {}, "eos_token": "<image>"})");
  EXPECT_EQ(Tokenizer::load(model.path()).eos_token(), "<image>");
}

TEST(Tokenizer, FindsTokensAndIds) {
  const auto tokenizer = Tokenizer::load(kModel);
  EXPECT_EQ(tokenizer.token_to_id("<image>"), 4);
  EXPECT_EQ(tokenizer.token_to_id("<no such token>"), std::nullopt);
  EXPECT_EQ(tokenizer.id_to_token(4), "<image>");
  EXPECT_EQ(tokenizer.id_to_token(-1), std::nullopt);
  EXPECT_EQ(tokenizer.id_to_token(1'000'000), std::nullopt);
  EXPECT_EQ(tokenizer.decode({-1, 1'000'000, 4}, false), "<image>");
}

TEST(Tokenizer, NeverCutsOrFillsAPrompt) {
  Json json = parse_json(read_file(kModel / "tokenizer.json"), "tokenizer.json");
  json["truncation"] = {
      {"direction", "Right"}, {"max_length", 2}, {"strategy", "LongestFirst"}, {"stride", 0}};
  json["padding"] = {{"strategy", {{"Fixed", 64}}},
                     {"direction", "Right"},
                     {"pad_to_multiple_of", nullptr},
                     {"pad_id", 2},
                     {"pad_type_id", 0},
                     {"pad_token", "<|im_end|>"}};
  ModelFolder model("truncation");
  model.write("tokenizer.json", json.dump());
  EXPECT_EQ(Tokenizer::load(model.path()).encode("what color is the shape?", false),
            Tokenizer::load(kModel).encode("what color is the shape?", false));
}

struct BrokenTokenizer {
  const char* file;
  const char* content;
  const char* words;
};

class BrokenTokenizers : public ::testing::TestWithParam<BrokenTokenizer> {};

TEST_P(BrokenTokenizers, AreRefusedNamingFileAndReason) {
  const auto& broken = GetParam();
  ModelFolder model("broken-tokenizer");
  model.copy(kModel / "tokenizer.json", "tokenizer.json");
  model.write(broken.file, broken.content);
  const auto words = message_of<UsageError>([&] { Tokenizer::load(model.path()); });
  EXPECT_NE(words.find((model.path() / broken.file).string()), std::string::npos) << words;
  EXPECT_NE(words.find(broken.words), std::string::npos) << words;
}

INSTANTIATE_TEST_SUITE_P(
    Files,
    BrokenTokenizers,
    ::testing::Values(
        BrokenTokenizer{"tokenizer.json", "", "empty"},
        BrokenTokenizer{"tokenizer.json", "{", "EOF"},
        BrokenTokenizer{"tokenizer.json", "[]", "not a tokenizer"},
        BrokenTokenizer{"tokenizer.json", "{}", "not a tokenizer"},
        BrokenTokenizer{"tokenizer.json", "<!DOCTYPE html><html>", "HTML page"},
        BrokenTokenizer{"tokenizer.json",
                        "version https://git-lfs.github.com/spec/v1\noid sha256:a3\nsize 30179\n",
                        "Git LFS pointer"},
        BrokenTokenizer{
            "tokenizer.json",
            R"({"version": "1.0", "added_tokens": [], "model": {"type": "NoSuchModel"}})",
            "not a tokenizer"},
        BrokenTokenizer{"tokenizer_config.json", "{\"bos_token\":", "not valid JSON at byte"},
        BrokenTokenizer{"tokenizer_config.json", "[]", "array"},
        BrokenTokenizer{
            "tokenizer_config.json", R"({"eos_token": 3})", "\"eos_token\" holds number"},
        BrokenTokenizer{
            "tokenizer_config.json", R"({"extra_special_tokens": "x"})", "extra_special_tokens"},
        BrokenTokenizer{
            "tokenizer_config.json", R"({"extra_special_tokens": [3]})", "extra_special_tokens"},
        BrokenTokenizer{"tokenizer_config.json",
                        R"({"added_tokens_decoder": {"x": {}}})",
                        "added_tokens_decoder"},
        BrokenTokenizer{"special_tokens_map.json", "x", "not valid JSON"}));

TEST(Tokenizer, AMissingFileIsNamed) {
  ModelFolder model("missing");
  const auto words = message_of<UsageError>([&] { Tokenizer::load(model.path()); });
  EXPECT_NE(words.find((model.path() / "tokenizer.json").string() + ": missing"), std::string::npos)
      << words;
}

TEST(Tokenizer, AFolderInTheFilesPlaceIsNamed) {
  ModelFolder model("folder");
  std::filesystem::create_directories(model.path() / "tokenizer.json");
  EXPECT_NE(message_of<UsageError>([&] { Tokenizer::load(model.path()); }).find("a folder"),
            std::string::npos);
}

}  // namespace
}  // namespace headroom::text
