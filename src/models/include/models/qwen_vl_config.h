#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "engine/activation.h"
#include "engine/decoder.h"

namespace headroom::models {

/// The vision transformer of the Qwen-VL families: patches of a picture of any grid, in the order
/// of the squares of `merge` by `merge` patches that become one feature.
struct QwenVisionConfig {
  int hidden_size = 0;
  int intermediate_size = 0;
  int layers = 0;
  int heads = 0;
  int out_size = 0;  ///< of a feature: the decoder's width
  int channels = 3;
  int patch_size = 0;
  int frames = 2;  ///< pictures that a patch is deep; a still one stands in each of them
  int merge = 2;
  float rope_theta = 10000.0F;
  engine::Activation activation = engine::Activation::kQuickGelu;
  bool rms_norms = false;  ///< else layer norms
  bool gated = false;      ///< three matrices in a layer's second half, else two
  bool patch_bias = false;
  int position_side = 0;         ///< of a square of learned positions; 0: none
  int window = 0;                ///< features of a side of what attends to itself; 0: the picture
  std::vector<int> full_layers;  ///< with windows: layers that attend to the whole picture
  std::vector<int> deepstack;    ///< layers whose output makes a set of features of its own

  int head_dim() const { return hidden_size / heads; }

  /// Patches that become one feature.
  int merged() const { return merge * merge; }

  /// Numbers of a patch in one frame.
  int patch_numbers() const { return channels * patch_size * patch_size; }

  /// Decoder's widths in a row of features.
  int sets() const { return 1 + static_cast<int>(deepstack.size()); }
};

/// config.json of Qwen2-VL, Qwen2.5-VL and Qwen3-VL.
/// Source: Transformers 5.17, models/qwen2_vl, qwen2_5_vl, qwen3_vl (configuration_….py); defaults
/// as there.
struct QwenVlConfig {
  enum class Generation { k2, k25, k3 };

  Generation generation = Generation::k2;
  engine::DecoderConfig text;
  QwenVisionConfig vision;
  std::int32_t image_token = 151655;
  std::vector<std::string> notices;

  /// `model_type` says which of the three it is.
  /// Throws: UsageError("E-CONFIG") naming the key.
  static QwenVlConfig from_json(const Json& config, const std::string& where);
};

}  // namespace headroom::models
