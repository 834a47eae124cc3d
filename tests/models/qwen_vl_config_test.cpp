#include "models/qwen_vl_config.h"

#include <gtest/gtest.h>

#include <tuple>

#include "base/errors.h"

namespace headroom::models {
namespace {

/// As Qwen/Qwen2-VL-2B-Instruct has it: the decoder's keys at the top.
Json qwen2_2b() {
  return Json::parse(R"({
    "architectures": ["Qwen2VLForConditionalGeneration"], "attention_dropout": 0.0,
    "bos_token_id": 151643, "eos_token_id": 151645, "vision_start_token_id": 151652,
    "vision_end_token_id": 151653, "vision_token_id": 151654, "image_token_id": 151655,
    "video_token_id": 151656, "hidden_act": "silu", "hidden_size": 1536,
    "initializer_range": 0.02, "intermediate_size": 8960, "max_position_embeddings": 32768,
    "max_window_layers": 28, "model_type": "qwen2_vl", "num_attention_heads": 12,
    "num_hidden_layers": 28, "num_key_value_heads": 2, "rms_norm_eps": 1e-06,
    "rope_theta": 1000000.0, "sliding_window": 32768, "tie_word_embeddings": true,
    "torch_dtype": "bfloat16", "transformers_version": "4.41.2", "use_cache": true,
    "use_sliding_window": false,
    "vision_config": {"depth": 32, "embed_dim": 1280, "mlp_ratio": 4, "num_heads": 16,
                      "in_chans": 3, "hidden_size": 1536, "patch_size": 14,
                      "spatial_merge_size": 2, "spatial_patch_size": 14,
                      "temporal_patch_size": 2},
    "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]}, "vocab_size": 151936})");
}

/// As Qwen/Qwen2.5-VL-3B-Instruct.
Json qwen25_3b() {
  Json config = qwen2_2b();
  config["model_type"] = "qwen2_5_vl";
  config["hidden_size"] = 2048;
  config["intermediate_size"] = 11008;
  config["num_attention_heads"] = 16;
  config["num_hidden_layers"] = 36;
  config["max_position_embeddings"] = 128000;
  config["vision_config"] = Json::parse(R"({
    "depth": 32, "hidden_act": "silu", "hidden_size": 1280, "intermediate_size": 3420,
    "num_heads": 16, "in_chans": 3, "out_hidden_size": 2048, "patch_size": 14,
    "spatial_merge_size": 2, "spatial_patch_size": 14, "window_size": 112,
    "fullatt_block_indexes": [7, 15, 23, 31], "tokens_per_second": 2,
    "temporal_patch_size": 2})");
  return config;
}

/// As Qwen/Qwen3-VL-4B-Instruct.
Json qwen3_4b() {
  return Json::parse(R"({
    "architectures": ["Qwen3VLForConditionalGeneration"], "image_token_id": 151655,
    "model_type": "qwen3_vl",
    "text_config": {"attention_bias": false, "attention_dropout": 0.0, "bos_token_id": 151643,
                    "dtype": "bfloat16", "eos_token_id": 151645, "head_dim": 128,
                    "hidden_act": "silu", "hidden_size": 2560, "initializer_range": 0.02,
                    "intermediate_size": 9728, "max_position_embeddings": 262144,
                    "model_type": "qwen3_vl_text", "num_attention_heads": 32,
                    "num_hidden_layers": 36, "num_key_value_heads": 8, "rms_norm_eps": 1e-06,
                    "rope_scaling": {"mrope_interleaved": true, "mrope_section": [24, 20, 20],
                                     "rope_type": "default"},
                    "rope_theta": 5000000, "tie_word_embeddings": true, "use_cache": true,
                    "vocab_size": 151936},
    "tie_word_embeddings": true, "transformers_version": "4.57.0.dev0",
    "video_token_id": 151656,
    "vision_config": {"deepstack_visual_indexes": [5, 11, 17], "depth": 24,
                      "hidden_act": "gelu_pytorch_tanh", "hidden_size": 1024, "in_channels": 3,
                      "initializer_range": 0.02, "intermediate_size": 4096,
                      "model_type": "qwen3_vl", "num_heads": 16,
                      "num_position_embeddings": 2304, "out_hidden_size": 2560,
                      "patch_size": 16, "spatial_merge_size": 2, "temporal_patch_size": 2},
    "vision_end_token_id": 151653, "vision_start_token_id": 151652})");
}

QwenVlConfig read(const Json& config) { return QwenVlConfig::from_json(config, "DIR/config.json"); }

TEST(QwenVlConfigTest, ReadsTheDecodersKeysAtTheTop) {
  const QwenVlConfig config = read(qwen2_2b());
  EXPECT_EQ(config.text.hidden_size, 1536);
  EXPECT_EQ(config.text.kv_heads, 2);
  EXPECT_EQ(config.text.head_dim, 128);
  EXPECT_EQ(config.text.context, 32768);
  EXPECT_EQ(config.text.rope.theta, 1e6F);
  EXPECT_EQ(config.text.rope.sections, (std::array<int, 3>{16, 24, 24}));
  EXPECT_FALSE(config.text.rope.interleaved);
  EXPECT_TRUE(config.text.qkv_bias);
  EXPECT_FALSE(config.text.head_norms);
  EXPECT_TRUE(config.text.tied_head);
  EXPECT_EQ(config.image_token, 151655);
  EXPECT_TRUE(config.notices.empty()) << config.notices.front();
}

TEST(QwenVlConfigTest, Qwen2HasLayerNormsAndTwoMatrices) {
  const QwenVisionConfig vision = read(qwen2_2b()).vision;
  EXPECT_EQ(vision.hidden_size, 1280);
  EXPECT_EQ(vision.intermediate_size, 5120);
  EXPECT_EQ(vision.out_size, 1536);
  EXPECT_EQ(vision.activation, engine::Activation::kQuickGelu);
  EXPECT_FALSE(vision.rms_norms);
  EXPECT_FALSE(vision.gated);
  EXPECT_EQ(vision.window, 0);
  EXPECT_EQ(vision.sets(), 1);
}

TEST(QwenVlConfigTest, Qwen25AttendsInWindowsOfFourByFourFeatures) {
  const QwenVlConfig config = read(qwen25_3b());
  EXPECT_EQ(config.vision.window, 4);
  EXPECT_EQ(config.vision.full_layers, (std::vector<int>{7, 15, 23, 31}));
  EXPECT_TRUE(config.vision.rms_norms);
  EXPECT_TRUE(config.vision.gated);
  EXPECT_EQ(config.vision.intermediate_size, 3420);
  EXPECT_TRUE(config.notices.empty()) << config.notices.front();
}

TEST(QwenVlConfigTest, Qwen3HasInterleavedSectionsDeepstackAndLearnedPositions) {
  const QwenVlConfig config = read(qwen3_4b());
  EXPECT_EQ(config.text.rope.sections, (std::array<int, 3>{24, 20, 20}));
  EXPECT_TRUE(config.text.rope.interleaved);
  EXPECT_TRUE(config.text.head_norms);
  EXPECT_FALSE(config.text.qkv_bias);
  EXPECT_EQ(config.text.head_dim, 128);
  EXPECT_EQ(config.vision.position_side, 48);
  EXPECT_EQ(config.vision.sets(), 4);
  EXPECT_TRUE(config.vision.patch_bias);
  EXPECT_TRUE(config.notices.empty()) << config.notices.front();
}

TEST(QwenVlConfigTest, WhatIsNotSaidHasTheReferencesDefaults) {
  const Json outer = {{"model_type", "qwen2_vl"},
                      {"vision_config", {{"hidden_size", 8192}}},
                      {"text_config", Json::object()}};
  const QwenVlConfig second = read(outer);
  EXPECT_EQ(second.text.layers, 80);
  EXPECT_EQ(second.text.kv_heads, 8);
  EXPECT_EQ(second.text.norm_eps, 1e-5F);
  EXPECT_EQ(second.text.rope.theta, 1e6F);
  EXPECT_EQ(second.text.rope.sections, (std::array<int, 3>{16, 24, 24}));
  EXPECT_EQ(second.vision.layers, 32);
  EXPECT_EQ(second.vision.hidden_size, 1280);
  EXPECT_FALSE(second.text.tied_head);
  Json newer = outer;
  newer["model_type"] = "qwen3_vl";
  newer["vision_config"] = {{"out_hidden_size", 4096}};
  const QwenVlConfig third = read(newer);
  EXPECT_EQ(third.text.layers, 32);
  EXPECT_EQ(third.text.head_dim, 128);
  EXPECT_EQ(third.text.rope.theta, 5e5F);
  EXPECT_EQ(third.vision.layers, 27);
  EXPECT_EQ(third.vision.patch_size, 16);
  EXPECT_EQ(third.vision.deepstack, (std::vector<int>{8, 16, 24}));
}

TEST(QwenVlConfigTest, KeysThatNobodyUsesAreListed) {
  Json config = qwen3_4b();
  config["vision_config"]["register_tokens"] = 4;
  config["text_config"]["router"] = "top";
  const auto notices = read(config).notices;
  ASSERT_EQ(notices.size(), 2U);
  EXPECT_NE(notices[0].find("text_config: not used: router"), std::string::npos) << notices[0];
  EXPECT_NE(notices[1].find("vision_config: not used: register_tokens"), std::string::npos);
}

void expect_refused(Json config, const std::string& pointer, const Json& value, const char* words) {
  config[Json::json_pointer(pointer)] = value;
  try {
    read(config);
    ADD_FAILURE() << "accepted " << pointer << " " << dump_json(value);
  } catch (const UsageError& error) {
    EXPECT_EQ(error.code(), "E-CONFIG");
    EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
  }
}

TEST(QwenVlConfigTest, RefusesByKeyAndValue) {
  const Json yarn = {{"type", "yarn"}, {"mrope_section", {16, 24, 24}}, {"factor", 4.0}};
  expect_refused(qwen2_2b(), "/rope_scaling", yarn, "yarn");
  expect_refused(qwen2_2b(), "/rope_scaling/mrope_section", {16, 24, 23}, "mrope_section");
  expect_refused(qwen2_2b(), "/rope_scaling/mrope_section", {64}, "mrope_section");
  expect_refused(qwen2_2b(), "/rope_scaling/mrope_interleaved", true, "mrope_interleaved");
  expect_refused(qwen2_2b(), "/hidden_act", "relu", "hidden_act");
  expect_refused(qwen2_2b(), "/image_token_id", 151936, "151936");
  expect_refused(qwen2_2b(), "/vision_config/hidden_act", "relu", "relu");
  expect_refused(qwen2_2b(), "/vision_config/hidden_size", 1280, "1280");
  expect_refused(qwen2_2b(), "/vision_config/in_chans", 1, "in_chans");
  expect_refused(qwen2_2b(), "/vision_config/num_heads", 3, "num_heads");
  expect_refused(
      qwen2_2b(), "/vision_config/num_heads", 1 << 30, "num_heads is 1073741824; at most");
  expect_refused(qwen2_2b(), "/vision_config/embed_dim", 1 << 24, "embed_dim is 16777216; at most");
  expect_refused(qwen2_2b(), "/vision_config/depth", 1LL << 62, "at most 4096");
  expect_refused(qwen2_2b(), "/model_type", 7, "model_type is 7");
  expect_refused(qwen2_2b(), "/text_config", "qwen2", "text_config is \"qwen2\", not a table");
  expect_refused(qwen3_4b(), "/text_config/model_type", 7, "model_type is 7");
  expect_refused(qwen2_2b(), "/vision_config/mlp_ratio", 1000, "mlp_ratio");
  expect_refused(qwen25_3b(), "/vision_config/window_size", 27, "window_size");
  expect_refused(qwen25_3b(), "/vision_config/fullatt_block_indexes", "all", "fullatt");
  expect_refused(qwen3_4b(), "/vision_config/num_position_embeddings", 2305, "2305");
  expect_refused(qwen3_4b(), "/vision_config/deepstack_visual_indexes", {24}, "24");
  expect_refused(qwen3_4b(), "/text_config/model_type", "qwen3_next", "qwen3_next");
  expect_refused(
      qwen3_4b(), "/text_config/rope_scaling/mrope_interleaved", false, "mrope_interleaved");
  expect_refused(
      qwen3_4b(), "/vision_config/rope_parameters", {{"rope_type", "default"}}, "rope_type");
}

}  // namespace
}  // namespace headroom::models
