#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "engine/decoder.h"
#include "engine/vision_tower.h"

namespace headroom::models {

/// config.json of Gemma 3 with pictures.
/// Source: Transformers 5.17, models/gemma3/configuration_gemma3.py; defaults as there.
struct Gemma3Config {
  engine::VisionConfig vision;
  engine::DecoderConfig text;
  int tokens_per_side = 16;  ///< of a tile, down and across
  int image_token = 262144;
  std::vector<std::string> notices;

  /// Of a tile.
  int features() const { return tokens_per_side * tokens_per_side; }

  /// Patches of a side that become one feature.
  int pooled() const { return vision.grid() / tokens_per_side; }

  /// Throws: UsageError("E-CONFIG") naming the key.
  static Gemma3Config from_json(const Json& config, const std::string& where);
};

}  // namespace headroom::models
