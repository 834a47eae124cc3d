#include <gtest/gtest.h>

#include <cmath>

#include "base/errors.h"
#include "base/files.h"
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

}  // namespace
}  // namespace headroom::models
