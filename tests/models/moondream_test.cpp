// Moondream 2's configuration, prompts and names.
#include <gtest/gtest.h>

#include <fstream>

#include "base/errors.h"
#include "base/files.h"
#include "models/loaded_model.h"
#include "models/moondream_config.h"
#include "models/prompt.h"
#include "support/temporary_folder.h"
#include "tiny_models.h"

namespace headroom::models {
namespace {

namespace fs = std::filesystem;

MoondreamConfig read(const std::string& text) {
  return MoondreamConfig::from_json(Json::parse(text), "DIR/config.json");
}

TEST(MoondreamConfigTest, AnEmptyTableHasTheCodesDefaults) {
  const MoondreamConfig config = read(R"({"model_type": "moondream1", "config": {}})");
  EXPECT_EQ(config.text.hidden_size, 2048);
  EXPECT_EQ(config.text.layers, 24);
  EXPECT_EQ(config.text.rope.dim, 32);
  EXPECT_EQ(config.text.context, 2048);
  EXPECT_EQ(config.vision.layers, 27);
  EXPECT_EQ(config.features(), 729);
  EXPECT_EQ(config.projector_inner, 8192);
  EXPECT_EQ(config.crops.margin, 56U);
  EXPECT_EQ(config.crops.window(), 266U);
  EXPECT_EQ(config.prefix, (std::vector<std::int32_t>{1, 15381, 2}));
  EXPECT_TRUE(config.notices.empty());
}

TEST(MoondreamConfigTest, RefusesByKeyAndListsWhatIsNotUsed) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"text_config", R"({"text_config": {}})"},
      {"prefix_attn", R"({"config": {"text": {"prefix_attn": 100}}})"},
      {"group_size", R"({"config": {"text": {"group_size": 128}}})"},
      {"n_heads", R"({"config": {"text": {"n_heads": 32, "n_kv_heads": 5}}})"},
      {"n_heads", R"({"config": {"text": {"n_heads": 1073741824}}})"},
      {"dim", R"({"config": {"text": {"dim": 2050}}})"},
      {"dim", R"({"config": {"text": {"dim": 64}}})"},
      {"max_crops", R"({"config": {"vision": {"max_crops": 1025}}})"},
      {"enc_dim", R"({"config": {"vision": {"enc_dim": 1073741824}}})"},
      {"overlap_margin", R"({"config": {"vision": {"overlap_margin": 2147483647}}})"},
      {"crop_size", R"({"config": {"vision": {"crop_size": 100}}})"},
      {"overlap_margin", R"({"config": {"vision": {"overlap_margin": 14}}})"},
      {"proj_out_dim", R"({"config": {"vision": {"proj_out_dim": 7}}})"},
      {"query", R"({"config": {"tokenizer": {"templates": {"query": null}}}})"},
      {"prefix", R"({"config": {"tokenizer": {"templates": {"query": {"prefix": "a"}}}}})"}};
  for (const auto& [key, text] : rows) {
    try {
      read(text);
      ADD_FAILURE() << "accepted " << text;
    } catch (const UsageError& error) {
      EXPECT_EQ(error.code(), "E-CONFIG");
      EXPECT_NE(std::string(error.what()).find(key + ' '), std::string::npos) << error.what();
    }
  }
  EXPECT_EQ(read(R"({"config": {"vision": {"enc_new": 1}}, "newer": 2})").notices.size(), 2U);
}

TEST(MoondreamConfigTest, ConvertersNameForTheFamilyIsKnown) {
  const ModelFolder folder{"DIR", Json::parse(R"({"model_type": "moondream2"})"), {}};
  EXPECT_EQ(find_family(folder).model_type, "moondream1");
}

/// The tiny checkpoint with a tokenizer whose end of text is the token that `end` says.
struct Asked {
  explicit Asked(int end) {
    for (const auto& entry : fs::directory_iterator(testing::tiny("moondream2"))) {
      fs::copy_file(entry.path(), folder.path() / entry.path().filename());
    }
    const fs::path source = fs::path(HEADROOM_TEST_DATA) / "text/phi3_v/tokenizer.json";
    Json tokenizer = parse_json(read_file(source), source.string());
    tokenizer["post_processor"] = nullptr;
    tokenizer["added_tokens"] = Json::array();
    tokenizer["added_tokens"].push_back({{"id", end},
                                         {"content", "<|endoftext|>"},
                                         {"single_word", false},
                                         {"lstrip", false},
                                         {"rstrip", false},
                                         {"normalized", false},
                                         {"special", true}});
    Json& vocabulary = tokenizer["model"]["vocab"];
    vocabulary.erase("<unk>");
    tokenizer["model"]["unk_token"] = nullptr;
    if (end == 0) {
      vocabulary["<|endoftext|>"] = 0;
    }
    std::ofstream(folder.path() / "tokenizer.json") << tokenizer;
  }

  LoadedModel load() const { return LoadedModel::load(folder.path(), mx::float32, WallTime()); }

  test::TemporaryFolder folder;
};

Prompt prompt_of(const LoadedModel& loaded,
                 const Conversation& conversation,
                 std::span<const PlacedPicture> pictures) {
  const LoadedModel::Text& text = loaded.asking();
  return build_prompt(
      conversation, pictures, *loaded.model, *text.processor, text.chat_template, text.tokenizer);
}

std::vector<std::int32_t> ids_of(const Prompt& prompt) {
  std::vector<std::int32_t> ids;
  for (const engine::PromptToken& token : prompt.tokens) {
    ids.push_back(token.id);
  }
  return ids;
}

TEST(MoondreamPrompt, APictureStandsBehindTheFirstTokenAndIsSeenFromBothSides) {
  const Asked asked(0);
  const LoadedModel loaded = asked.load();
  EXPECT_EQ(loaded.asking().stops.ids, (std::set<std::int32_t>{0}));
  const images::Image image{40, 30, std::vector<std::uint8_t>(std::size_t{40} * 30 * 3, 90)};
  const auto prepared = loaded.asking().processor->prepare(image, 0);
  const PlacedPicture placed{prepared.get(), 0};
  const Prompt prompt = prompt_of(
      loaded, {{"user", {Part::of_text("What"), Part::of_image(0)}}}, std::span(&placed, 1));
  std::vector<std::int32_t> wanted = {0};
  wanted.insert(wanted.end(), 16, -1);
  const auto question = loaded.asking().tokenizer.encode("What", true);
  wanted.insert(wanted.end(), {1, 11, 2});
  wanted.insert(wanted.end(), question.begin(), question.end());
  wanted.push_back(3);
  EXPECT_EQ(ids_of(prompt), wanted);
  EXPECT_EQ(prompt.tokens[0].sees, 17);
  EXPECT_EQ(prompt.tokens[16].sees, 17);
  EXPECT_EQ(prompt.tokens[17].sees, 0);
}

TEST(MoondreamPrompt, TextAloneHasNoBlockAndTurnsStandBeforeTheQuestion) {
  const Asked asked(0);
  const LoadedModel loaded = asked.load();
  const Prompt prompt = prompt_of(
      loaded, {{"system", {Part::of_text("Look")}}, {"user", {Part::of_text("<image> What")}}}, {});
  EXPECT_EQ(prompt.text, "Look\n\n<image> What");
  EXPECT_EQ(prompt.image_tokens, 0U);
  EXPECT_EQ(prompt.tokens[0].sees, 0);
}

TEST(MoondreamPrompt, SeveralPicturesAreRefused) {
  const Asked asked(0);
  const LoadedModel loaded = asked.load();
  const images::Image image{40, 30, std::vector<std::uint8_t>(std::size_t{40} * 30 * 3, 90)};
  const auto prepared = loaded.asking().processor->prepare(image, 0);
  const std::vector<PlacedPicture> placed(2, {prepared.get(), 0});
  try {
    prompt_of(loaded, {{"user", {Part::of_image(0), Part::of_image(1)}}}, placed);
    FAIL() << "taken";
  } catch (const InputError& error) {
    EXPECT_EQ(error.code(), "E-PROMPT-IMAGES");
    EXPECT_NE(std::string(error.what()).find("2 pictures"), std::string::npos) << error.what();
  }
}

TEST(MoondreamPrompt, AnotherRevisionsTokenizerIsRefusedBeforeTheWeightsAreRead) {
  const Asked asked(50256);
  try {
    asked.load();
    FAIL() << "loaded";
  } catch (const UsageError& error) {
    EXPECT_EQ(error.code(), "E-TOKENIZER");
    EXPECT_NE(std::string(error.what()).find("starmie"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace headroom::models
