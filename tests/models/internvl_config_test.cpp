#include "models/internvl_config.h"

#include <gtest/gtest.h>

#include "base/errors.h"

namespace headroom::models {
namespace {

/// As OpenGVLab/InternVL3-1B-hf has it, as far as the model depends on it.
Json published() {
  return Json::parse(R"({
    "model_type": "internvl", "downsample_ratio": 0.5, "image_seq_length": 256,
    "image_token_id": 151667, "projector_hidden_act": "gelu", "vision_feature_layer": -1,
    "vision_feature_select_strategy": "default", "tie_word_embeddings": false,
    "text_config": {"model_type": "qwen2", "hidden_size": 896, "intermediate_size": 4864,
                    "num_hidden_layers": 24, "num_attention_heads": 14, "num_key_value_heads": 2,
                    "max_position_embeddings": 32768, "rms_norm_eps": 1e-06,
                    "rope_theta": 1000000.0, "vocab_size": 151674},
    "vision_config": {"model_type": "internvl_vision", "attention_bias": true,
                      "hidden_size": 1024, "image_size": [448, 448], "intermediate_size": 4096,
                      "num_attention_heads": 16, "num_hidden_layers": 24, "patch_size": [14, 14],
                      "use_mean_pooling": true, "use_qk_norm": false, "norm_type": "layer_norm"}})");
}

InternVlConfig read(const Json& config) {
  return InternVlConfig::from_json(config, "DIR/config.json");
}

TEST(InternVlConfigTest, ReadsThePublishedSizes) {
  const InternVlConfig config = read(published());
  EXPECT_EQ(config.tile_features(), 256);
  EXPECT_EQ(config.vision.used, 24);
  EXPECT_TRUE(config.vision.qkv_bias);
  EXPECT_TRUE(config.vision.layer_scale);
  EXPECT_FALSE(config.vision.post_norm);
  EXPECT_FALSE(config.text.tied_head);
  EXPECT_TRUE(config.notices.empty());
}

TEST(InternVlConfigTest, AbsentKeysHaveTheReferencesDefaults) {
  Json config = published();
  config.erase("vision_config");
  config.erase("tie_word_embeddings");
  const InternVlConfig read_config = read(config);
  EXPECT_FALSE(read_config.vision.qkv_bias);
  EXPECT_EQ(read_config.vision.image_size, 448);
  EXPECT_TRUE(read_config.text.tied_head);
}

TEST(InternVlConfigTest, TheLargeTowerHasOtherNorms) {
  Json config = published();
  config["vision_config"]["norm_type"] = "rms_norm";
  config["vision_config"]["use_qk_norm"] = true;
  config["vision_config"]["use_mean_pooling"] = false;
  const InternVlConfig read_config = read(config);
  EXPECT_TRUE(read_config.vision.rms_norm);
  EXPECT_TRUE(read_config.vision.qk_norm);
  EXPECT_TRUE(read_config.vision.post_norm);
}

TEST(InternVlConfigTest, RefusesByKeyAndValue) {
  const std::vector<std::tuple<std::string, Json, std::string>> rows = {
      {"/vision_config/model_type", "vit", "vit"},
      {"/vision_config/image_size", Json::array({448, 224}), "image_size"},
      {"/vision_config/norm_type", "group", "group"},
      {"/vision_config/use_absolute_position_embeddings", false, "use_absolute"},
      {"/downsample_ratio", 0.3, "downsample_ratio"},
      {"/vision_feature_select_strategy", "full", "full"},
      {"/vision_feature_layer", -30, "vision_feature_layer"},
      {"/text_config/model_type", "gpt2", "gpt2"},
      {"/image_token_id", 200000, "image_token_id"},
      {"/vision_config", 3, "vision_config"}};
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

/// As OpenGVLab/InternVL3-1B has it, as far as the model depends on it.
Json published_first() {
  Json config = Json::parse(R"({
    "model_type": "internvl_chat", "downsample_ratio": 0.5, "dynamic_image_size": true,
    "force_image_size": 448, "max_dynamic_patch": 12, "min_dynamic_patch": 1, "pad2square": false,
    "ps_version": "v2", "select_layer": -1, "template": "internvl2_5", "use_thumbnail": true,
    "vision_config": {"model_type": "intern_vit_6b", "hidden_size": 1024, "image_size": 448,
                      "intermediate_size": 4096, "norm_type": "layer_norm",
                      "num_attention_heads": 16, "num_hidden_layers": 24, "patch_size": 14,
                      "qk_normalization": false, "qkv_bias": true}})");
  config["llm_config"] = published()["text_config"];
  return config;
}

TEST(InternVlConfigTest, TheFirstLayoutSaysHowPicturesAreCut) {
  const InternVlConfig config =
      InternVlConfig::from_chat_json(published_first(), "DIR/config.json");
  ASSERT_TRUE(config.chat);
  EXPECT_EQ(config.chat->max_tiles, 12U);
  EXPECT_EQ(config.chat->side, 448U);
  EXPECT_TRUE(config.vision.fused_qkv);
  EXPECT_TRUE(config.vision.qkv_bias);
  EXPECT_FALSE(config.vision.qk_norm);
  EXPECT_EQ(config.tile_features(), 256);
  EXPECT_TRUE(config.notices.empty());
}

TEST(InternVlConfigTest, RefusesInTheFirstLayoutByKeyAndValue) {
  const std::vector<std::tuple<std::string, Json, std::string>> rows = {
      {"/ps_version", "v1", "ps_version"},
      {"/use_thumbnail", false, "use_thumbnail"},
      {"/force_image_size", 224, "force_image_size"},
      {"/max_dynamic_patch", 2000, "max_dynamic_patch"},
      {"/pad2square", true, "pad2square"},
      {"/llm_config/model_type", "internlm2", "internlm2"}};
  for (const auto& [pointer, value, shown] : rows) {
    Json config = published_first();
    config[Json::json_pointer(pointer)] = value;
    try {
      InternVlConfig::from_chat_json(config, "DIR/config.json");
      ADD_FAILURE() << "accepted " << pointer;
    } catch (const UsageError& error) {
      EXPECT_EQ(error.code(), "E-CONFIG");
      EXPECT_NE(std::string(error.what()).find(shown), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace headroom::models
