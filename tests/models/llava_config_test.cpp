#include "models/llava_config.h"

#include <gtest/gtest.h>

#include "base/errors.h"
#include "base/files.h"

namespace headroom::models {
namespace {

/// As llava-hf/llava-1.5-7b-hf has it, as far as the model depends on it.
Json llava_7b() {
  return Json::parse(R"({
    "model_type": "llava", "image_token_index": 32000, "projector_hidden_act": "gelu",
    "vision_feature_layer": -2, "vision_feature_select_strategy": "default",
    "text_config": {"model_type": "llama", "max_position_embeddings": 4096, "rms_norm_eps": 1e-05,
                    "vocab_size": 32064},
    "vision_config": {"model_type": "clip_vision_model", "hidden_size": 1024, "image_size": 336,
                      "intermediate_size": 4096, "num_attention_heads": 16,
                      "num_hidden_layers": 24, "patch_size": 14, "projection_dim": 768,
                      "vocab_size": 32000}})");
}

/// As llava-hf/llava-v1.6-mistral-7b-hf.
Json mistral_7b() {
  Json config = llava_7b();
  config["model_type"] = "llava_next";
  config["text_config"] = Json::parse(R"({
    "model_type": "mistral", "intermediate_size": 14336, "max_position_embeddings": 32768,
    "num_key_value_heads": 8, "rms_norm_eps": 1e-05, "rope_theta": 1000000.0,
    "sliding_window": null, "vocab_size": 32064})");
  return config;
}

LlavaConfig read(const Json& config) { return LlavaConfig::from_json(config, "DIR/config.json"); }

TEST(LlavaConfigTest, SizesThatAreNotSaidAreTheReferencesDefaults) {
  const LlavaConfig config = read(llava_7b());
  EXPECT_EQ(config.text.hidden_size, 4096);
  EXPECT_EQ(config.text.intermediate_size, 11008);
  EXPECT_EQ(config.text.layers, 32);
  EXPECT_EQ(config.text.kv_heads, 32);
  EXPECT_EQ(config.text.head_dim, 128);
  EXPECT_EQ(config.vision.used, 23);
  EXPECT_EQ(config.vision.activation, engine::Activation::kQuickGelu);
  EXPECT_EQ(config.tile_features(), 576);
  EXPECT_TRUE(config.resolutions.empty());
  EXPECT_TRUE(config.notices.empty());
}

TEST(LlavaConfigTest, MistralHasItsOwnDefaults) {
  const LlavaConfig config = read(mistral_7b());
  EXPECT_EQ(config.text_type, "mistral");
  EXPECT_EQ(config.text.kv_heads, 8);
  EXPECT_EQ(config.text.context, 32768);
  EXPECT_EQ(config.text.rope.theta, 1e6F);
  EXPECT_EQ(config.resolutions.size(), 5U);
}

TEST(LlavaConfigTest, AWindowBoundsThePromptsThatAreTaken) {
  Json config = mistral_7b();
  config["text_config"]["sliding_window"] = 4096;
  EXPECT_EQ(read(config).text.context, 4096);
  EXPECT_EQ(read(config).notices.size(), 1U);
  config["text_config"].erase("sliding_window");
  EXPECT_EQ(read(config).text.context, 4096) << "Mistral's default";
}

TEST(LlavaConfigTest, QwenHasBiasesOfQueriesKeysAndValuesAlone) {
  Json config = mistral_7b();
  config["text_config"]["model_type"] = "qwen2";
  const LlavaConfig read_config = read(config);
  EXPECT_TRUE(read_config.text.qkv_bias);
  EXPECT_FALSE(read_config.text.out_bias);
}

TEST(LlavaConfigTest, TheDecodersTableMaySayThatTheHeadIsTied) {
  Json config = llava_7b();
  EXPECT_FALSE(read(config).text.tied_head);
  config["text_config"]["tie_word_embeddings"] = true;
  EXPECT_TRUE(read(config).text.tied_head);
  config["tie_word_embeddings"] = false;
  EXPECT_TRUE(read(config).text.tied_head);
  config["model_type"] = "llava_next";
  EXPECT_FALSE(read(config).text.tied_head) << "its reference asks the outer table alone";
}

TEST(LlavaConfigTest, RefusesByKeyAndValue) {
  const std::vector<std::tuple<std::string, Json, std::string>> rows = {
      {"/text_config/model_type", "gpt2", "gpt2"},
      {"/vision_config/model_type", "vit", "vit"},
      {"/vision_config/hidden_act", "relu", "relu"},
      {"/projector_hidden_act", "swiglu", "swiglu"},
      {"/vision_feature_layer", Json::array({-2, -5}), "vision_feature_layer"},
      {"/vision_feature_layer", -25, "24 layers"},
      {"/vision_feature_select_strategy", "cls", "cls"},
      {"/text_config/rope_scaling", Json{{"type", "dynamic"}, {"factor", 2.0}}, "dynamic"},
      {"/image_token_index", 32064, "32064"},
      {"/image_grid_pinpoints", Json::array({Json::array({336})}), "image_grid_pinpoints"}};
  for (const auto& [pointer, value, words] : rows) {
    Json config = mistral_7b();
    config[Json::json_pointer(pointer)] = value;
    try {
      read(config);
      ADD_FAILURE() << "accepted " << pointer << " " << dump_json(value);
    } catch (const UsageError& error) {
      EXPECT_EQ(error.code(), "E-CONFIG");
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace headroom::models
