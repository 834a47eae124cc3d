#include <gtest/gtest.h>

#include <cmath>

#include "base/errors.h"
#include "base/files.h"
#include "models/gemma3_config.h"
#include "models/paligemma_config.h"

namespace headroom::models {
namespace {

/// As google/paligemma-3b-pt-224 has it, as far as the model depends on it.
Json paligemma_3b() {
  return Json::parse(R"({
    "model_type": "paligemma", "image_token_index": 257152, "projection_dim": 2048,
    "hidden_size": 2048, "vocab_size": 257216, "_vocab_size": 257152, "ignore_index": -100,
    "text_config": {"model_type": "gemma", "hidden_size": 2048, "intermediate_size": 16384,
                    "num_attention_heads": 8, "num_hidden_layers": 18, "num_image_tokens": 256,
                    "num_key_value_heads": 1, "vocab_size": 257216},
    "vision_config": {"model_type": "siglip_vision_model", "hidden_size": 1152,
                      "intermediate_size": 4304, "num_attention_heads": 16,
                      "num_hidden_layers": 27, "patch_size": 14, "projection_dim": 2048,
                      "vision_use_head": false}})");
}

/// As google/paligemma2-3b-pt-448.
Json paligemma2_3b() {
  Json config = paligemma_3b();
  config["projection_dim"] = 2304;
  config["text_config"] = Json::parse(R"({
    "model_type": "gemma2", "hidden_size": 2304, "intermediate_size": 9216,
    "num_attention_heads": 8, "num_hidden_layers": 26, "num_image_tokens": 1024,
    "num_key_value_heads": 4, "query_pre_attn_scalar": 256, "sliding_window": 4096,
    "vocab_size": 257216})");
  config["vision_config"]["image_size"] = 448;
  return config;
}

PaliGemmaConfig read(const Json& config) {
  return PaliGemmaConfig::from_json(config, "DIR/config.json");
}

TEST(PaliGemmaConfigTest, SizesThatAreNotSaidAreGemmasDefaults) {
  const PaliGemmaConfig config = read(paligemma_3b());
  EXPECT_EQ(config.text.head_dim, 256);
  EXPECT_EQ(config.text.context, 8192);
  EXPECT_EQ(config.text.rope.theta, 10000.0F);
  EXPECT_EQ(config.text.activation, engine::Activation::kGeluTanh);
  EXPECT_EQ(config.text.embedding_scale, std::sqrt(2048.0F));
  EXPECT_TRUE(config.text.tied_head);
  EXPECT_TRUE(config.text.norms_less_one);
  EXPECT_FALSE(config.text.norms_behind);
  EXPECT_EQ(config.text.attention_cap, 0.0F);
  EXPECT_TRUE(config.text.windowed.empty());
  EXPECT_EQ(config.vision.image_size, 224);
  EXPECT_EQ(config.features(), 256);
  EXPECT_TRUE(config.notices.empty());
}

TEST(PaliGemmaConfigTest, TheSecondHasWindowsInEveryOtherLayerAndACap) {
  const PaliGemmaConfig config = read(paligemma2_3b());
  EXPECT_TRUE(config.text.norms_behind);
  EXPECT_EQ(config.text.attention_cap, 50.0F);
  EXPECT_EQ(config.text.attention_scale, 1.0F / 16);
  EXPECT_EQ(config.text.reach_of(0), (engine::Reach{4096, true}));
  EXPECT_EQ(config.text.reach_of(1), engine::Reach());
  EXPECT_EQ(config.text.reach_of(24), (engine::Reach{4096, true}));
  EXPECT_FALSE(config.text.window_rope);
  EXPECT_EQ(config.features(), 1024);
}

TEST(PaliGemmaConfigTest, ACapOrAWindowOfNullIsNone) {
  Json config = paligemma2_3b();
  config["text_config"]["attn_logit_softcapping"] = nullptr;
  config["text_config"]["sliding_window"] = nullptr;
  EXPECT_EQ(read(config).text.attention_cap, 0.0F);
  EXPECT_EQ(read(config).text.reach_of(0), engine::Reach());
}

TEST(PaliGemmaConfigTest, ATowerThatIsNotSaidIsTheReferences) {
  Json config = paligemma_3b();
  config.erase("vision_config");
  EXPECT_EQ(read(config).vision.intermediate_size, 4096);
  EXPECT_EQ(read(config).vision.used, 27);
}

/// `expected`: what the message says.
void expect_refused(const Json& config, const std::string& expected) {
  try {
    read(config);
    ADD_FAILURE() << "accepted; wanted: " << expected;
  } catch (const UsageError& error) {
    EXPECT_EQ(error.code(), "E-CONFIG");
    EXPECT_NE(std::string(error.what()).find(expected), std::string::npos) << error.what();
  }
}

TEST(PaliGemmaConfigTest, WhatIsNotKnownIsRefusedByKey) {
  const std::vector<std::tuple<std::string, std::string, std::string>> rows = {
      {"/text_config/model_type", R"("llama")", "gemma, gemma2"},
      {"/text_config/rope_scaling", R"({"rope_type": "yarn", "factor": 2})", "rope_type"},
      {"/text_config/hidden_activation", R"("relu")", "hidden_activation"},
      {"/text_config/layer_types", R"(["full_attention"])", "layer_types names 1 layers"},
      {"/text_config/num_key_value_heads", "3", "num_attention_heads"},
      {"/text_config/quantization_config", "{}", "quantization_config"},
      {"/vision_config/model_type", R"("clip_vision_model")", "siglip_vision_model"},
      {"/projection_dim", "2048", "projection_dim is 2048"},
      {"/image_token_index", "300000", "outside of the vocabulary"}};
  for (const auto& [key, value, expected] : rows) {
    Json config = paligemma2_3b();
    config[Json::json_pointer(key)] = Json::parse(value);
    expect_refused(config, expected);
  }
  Json config = paligemma2_3b();
  config["text_config"]["num_hidden_layers"] = 1;
  config["text_config"]["layer_types"] = Json::array({"chunked_attention"});
  expect_refused(config, "chunked_attention");
  config = paligemma_3b();
  config["text_config"]["sliding_window"] = 4096;
  expect_refused(config, "sliding_window");
}

TEST(PaliGemmaConfigTest, KeysThatNobodyUsedAreListed) {
  Json config = paligemma_3b();
  config["vision_config"]["projector_hidden_act"] = "gelu_fast";
  config["text_config"]["surprise"] = 1;
  const auto notices = read(config).notices;
  ASSERT_EQ(notices.size(), 2U);
  EXPECT_NE(notices[0].find("text_config: not used: surprise"), std::string::npos);
  EXPECT_NE(notices[1].find("projector_hidden_act"), std::string::npos);
}

/// As google/gemma-3-4b-it.
Json gemma3_4b() {
  return Json::parse(R"({
    "model_type": "gemma3", "boi_token_index": 255999, "eoi_token_index": 256000,
    "image_token_index": 262144, "mm_tokens_per_image": 256, "initializer_range": 0.02,
    "text_config": {"model_type": "gemma3_text", "hidden_size": 2560, "intermediate_size": 10240,
                    "num_hidden_layers": 34, "sliding_window": 1024,
                    "rope_scaling": {"factor": 8.0, "rope_type": "linear"}},
    "vision_config": {"model_type": "siglip_vision_model", "hidden_size": 1152,
                      "image_size": 896, "intermediate_size": 4304, "num_attention_heads": 16,
                      "num_hidden_layers": 27, "patch_size": 14, "vision_use_head": false}})");
}

Gemma3Config read_third(const Json& config) {
  return Gemma3Config::from_json(config, "DIR/config.json");
}

TEST(Gemma3ConfigTest, SizesThatAreNotSaidAreTheReferencesDefaults) {
  const Gemma3Config config = read_third(gemma3_4b());
  EXPECT_EQ(config.text.heads, 8);
  EXPECT_EQ(config.text.kv_heads, 4);
  EXPECT_EQ(config.text.vocabulary, 262208);
  EXPECT_EQ(config.text.context, 131072);
  EXPECT_TRUE(config.text.head_norms);
  EXPECT_EQ(config.text.attention_cap, 0.0F);
  EXPECT_EQ(config.features(), 256);
  EXPECT_EQ(config.pooled(), 4);
  EXPECT_TRUE(config.notices.empty());
}

TEST(Gemma3ConfigTest, EverySixthLayerSeesEverythingWithARotaryBaseOfItsOwn) {
  const Gemma3Config config = read_third(gemma3_4b());
  EXPECT_EQ(config.text.reach_of(4), (engine::Reach{1024, false}));
  EXPECT_EQ(config.text.reach_of(5), engine::Reach());
  EXPECT_EQ(config.text.reach_of(33), (engine::Reach{1024, false}));
  EXPECT_EQ(config.text.rope.theta, 1e6F);
  EXPECT_EQ(config.text.rope.kind, engine::RopeKind::kLinear);
  EXPECT_EQ(config.text.rope.factor, 8.0F);
  ASSERT_TRUE(config.text.window_rope);
  EXPECT_EQ(config.text.window_rope->theta, 1e4F);
  EXPECT_EQ(config.text.window_rope->kind, engine::RopeKind::kDefault);
}

TEST(Gemma3ConfigTest, RotaryBasesAreReadFromOneTableToo) {
  Json config = gemma3_4b();
  config["text_config"].erase("rope_scaling");
  config["text_config"]["rope_parameters"] = Json::parse(R"({
    "full_attention": {"rope_type": "linear", "factor": 4.0, "rope_theta": 5e5},
    "sliding_attention": {"rope_type": "default", "rope_theta": 2e4}})");
  config["text_config"]["sliding_window_pattern"] = 2;
  const engine::DecoderConfig text = read_third(config).text;
  EXPECT_EQ(text.rope.theta, 5e5F);
  EXPECT_EQ(text.rope.factor, 4.0F);
  EXPECT_EQ(text.window_rope->theta, 2e4F);
  EXPECT_EQ(text.reach_of(1), engine::Reach());
}

TEST(Gemma3ConfigTest, WhatIsNotKnownIsRefusedByKey) {
  const std::vector<std::tuple<std::string, std::string, std::string>> rows = {
      {"/text_config/model_type", R"("gemma2")", "gemma3_text"},
      {"/text_config/attn_logit_softcapping", "50.0", "attn_logit_softcapping"},
      {"/text_config/final_logit_softcapping", "30.0", "final_logit_softcapping"},
      {"/text_config/use_bidirectional_attention", "true", "use_bidirectional_attention"},
      {"/text_config/rope_parameters", R"({"rope_theta": 1e4})", "rope_parameters"},
      {"/mm_tokens_per_image", "200", "mm_tokens_per_image is 200"},
      {"/mm_tokens_per_image", "225", "divides the 64 patches"}};
  for (const auto& [key, value, expected] : rows) {
    Json config = gemma3_4b();
    config[Json::json_pointer(key)] = Json::parse(value);
    try {
      read_third(config);
      ADD_FAILURE() << "accepted; wanted: " << expected;
    } catch (const UsageError& error) {
      EXPECT_EQ(error.code(), "E-CONFIG");
      EXPECT_NE(std::string(error.what()).find(expected), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace headroom::models
