#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "engine/decoder.h"
#include "engine/vision_tower.h"

namespace headroom::models {

/// A resolution at which LLaVA-NeXT cuts pictures into tiles, pixels.
struct Resolution {
  std::uint32_t height = 0;
  std::uint32_t width = 0;

  bool operator==(const Resolution&) const = default;
};

/// A list of [height, width].
/// Throws: UsageError(`code`) with `where`, the value and what is wanted.
std::vector<Resolution> read_resolutions(const Json& list,
                                         const std::string& where,
                                         const char* code);

/// config.json of LLaVA 1.5 and LLaVA-NeXT.
/// Source: Transformers 5.24, models/llava, models/llava_next (configuration_….py); defaults as
/// there.
struct LlavaConfig {
  std::string text_type;  ///< model_type of the decoder
  engine::VisionConfig vision;
  engine::DecoderConfig text;
  engine::Activation activation = engine::Activation::kGelu;  ///< of the projector
  bool projector_bias = true;
  int image_token = 32000;
  /// LLaVA-NeXT alone; empty else.
  std::vector<Resolution> resolutions;
  std::vector<std::string> notices;

  /// Features of a tile.
  int tile_features() const { return vision.features(vision.grid() * vision.grid()); }

  /// Throws: UsageError("E-CONFIG") naming the key.
  static LlavaConfig from_json(const Json& config, const std::string& where);
};

}  // namespace headroom::models
