#include "models/phi3_v_config.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/errors.h"

namespace headroom::models {
namespace {

/// As microsoft/Phi-3.5-vision-instruct has it, as far as the model depends on it.
Json published() {
  Json config = Json::parse(R"({
    "model_type": "phi3_v", "hidden_size": 3072, "intermediate_size": 8192,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32,
    "vocab_size": 32064, "max_position_embeddings": 131072,
    "original_max_position_embeddings": 4096, "rms_norm_eps": 1e-05, "rope_theta": 10000.0,
    "sliding_window": 262144, "hidden_act": "silu", "tie_word_embeddings": false,
    "embd_layer": {"embedding_cls": "image", "hd_transform_order": "sub_glb",
                   "projection_cls": "mlp", "use_hd_transform": true,
                   "with_learnable_separator": true},
    "img_processor": {"image_dim_out": 1024, "model_name": "openai/clip-vit-large-patch14-336",
                      "name": "clip_vision_model", "num_img_tokens": 144}})");
  config["rope_scaling"] = {{"type", "su"},
                            {"short_factor", std::vector<double>(48, 1.5)},
                            {"long_factor", std::vector<double>(48, 3.0)}};
  return config;
}

Phi3VConfig read(const Json& config) { return Phi3VConfig::from_json(config, "DIR/config.json"); }

TEST(Phi3VConfigTest, TheTowerIsTheReferencesConstant) {
  const Phi3VConfig config = read(published());
  EXPECT_EQ(config.vision.hidden_size, 1024);
  EXPECT_EQ(config.vision.used, 23);
  EXPECT_EQ(config.vision.activation, engine::Activation::kQuickGelu);
  EXPECT_EQ(config.side(), 12);
  EXPECT_FALSE(config.overview_first);
  EXPECT_TRUE(config.notices.empty());
}

TEST(Phi3VConfigTest, TheAmplitudeComesFromTheContexts) {
  const Phi3VConfig config = read(published());
  EXPECT_EQ(config.text.context, 131072);
  EXPECT_EQ(config.text.rope.original_context, 4096);
  EXPECT_NEAR(config.text.rope.amplitude, 1.1902, 1e-4);
  Json same = published();
  same["max_position_embeddings"] = 4096;
  EXPECT_EQ(read(same).text.rope.amplitude, 1.0F);
}

TEST(Phi3VConfigTest, WithoutScalingFrequenciesArePlain) {
  Json config = published();
  config["rope_scaling"] = nullptr;
  EXPECT_EQ(read(config).text.rope.kind, engine::RopeKind::kDefault);
}

TEST(Phi3VConfigTest, AWindowBoundsThePromptsThatAreTaken) {
  Json config = published();
  config["sliding_window"] = 2048;
  EXPECT_EQ(read(config).text.context, 2048);
  EXPECT_NEAR(read(config).text.rope.amplitude, 1.1902, 1e-4);
  EXPECT_EQ(read(config).notices.size(), 1U);
}

TEST(Phi3VConfigTest, RefusesByKeyAndValue) {
  const std::vector<std::tuple<std::string, Json, std::string>> rows = {
      {"/rope_scaling/type", "yarn", "yarn"},
      {"/rope_scaling/short_factor", Json::array({1, 2}), "short_factor"},
      {"/rope_scaling/long_factor", "none", "long_factor"},
      {"/rope_scaling/factor", 8, "factor"},
      {"/embd_layer/hd_transform_order", "glb", "glb"},
      {"/embd_layer/use_hd_transform", false, "use_hd_transform"},
      {"/embd_layer/projection_cls", "linear", "projection_cls"},
      {"/img_processor/name", "siglip", "name"},
      {"/img_processor/layer_idx", -30, "layer_idx"},
      {"/hidden_act", "gelu", "hidden_act"},
      {"/num_attention_heads", 7, "num_attention_heads"}};
  for (const auto& [pointer, value, shown] : rows) {
    Json config = published();
    config[Json::json_pointer(pointer)] = value;
    try {
      read(config);
      ADD_FAILURE() << "accepted " << pointer;
    } catch (const UsageError& error) {
      EXPECT_EQ(error.code(), "E-CONFIG");
      EXPECT_NE(std::string(error.what()).find(shown), std::string::npos) << error.what();
    }
  }
}

TEST(Phi3VConfigTest, WhatNobodyUsesIsListed) {
  Json config = published();
  config["newer_key"] = 1;
  ASSERT_EQ(read(config).notices.size(), 1U);
  EXPECT_NE(read(config).notices.front().find("newer_key"), std::string::npos);
}

}  // namespace
}  // namespace headroom::models
