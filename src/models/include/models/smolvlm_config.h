#pragma once

#include <string>
#include <vector>

#include "base/json.h"

namespace headroom::models {

/// SiglipVisionModel without its head, as Idefics3 uses it.
struct SmolVlmVisionConfig {
  int hidden_size = 1152;
  int intermediate_size = 3072;
  int layers = 12;
  int heads = 16;
  int channels = 3;
  int image_size = 224;
  int patch_size = 32;
  float norm_eps = 1e-6F;

  int grid() const { return image_size / patch_size; }
};

/// A Llama decoder.
struct SmolVlmTextConfig {
  int hidden_size = 0;
  int intermediate_size = 0;
  int layers = 0;
  int heads = 0;
  int kv_heads = 0;
  int head_dim = 0;
  int vocabulary = 0;
  int context = 2048;
  float norm_eps = 1e-6F;
  float rope_theta = 10000.0F;
  bool attention_bias = false;
  bool mlp_bias = false;
};

/// config.json of SmolVLM and Idefics3, which are one model under two names. Sizes come from the
/// inner tables alone; equal keys at the top count for nothing.
/// Source: Transformers 5.24, models/smolvlm/configuration_smolvlm.py, models/idefics3,
/// models/llama; defaults as there.
struct SmolVlmConfig {
  std::string model_type;
  SmolVlmVisionConfig vision;
  SmolVlmTextConfig text;
  int scale_factor = 2;
  int image_token = 128257;
  bool tied_head = false;            ///< what the flag says; a stored head is used whatever it says
  std::vector<std::string> notices;  ///< keys that nobody used

  /// Throws: UsageError("E-CONFIG") naming the key.
  static SmolVlmConfig from_json(const Json& config, const std::string& where);
};

}  // namespace headroom::models
