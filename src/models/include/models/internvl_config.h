#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "engine/decoder.h"
#include "engine/vision_tower.h"

namespace headroom::models {

/// config.json of InternVL 3 as Transformers has it.
/// Source: Transformers 5.24, models/internvl/configuration_internvl.py; defaults as there.
struct InternVlConfig {
  engine::VisionConfig vision;
  engine::DecoderConfig text;
  engine::Activation activation = engine::Activation::kGelu;  ///< of the projector
  int merged = 2;  ///< patches down and across that become one feature
  int image_token = 151667;
  std::vector<std::string> notices;

  /// Features of a tile.
  int tile_features() const {
    const int side = vision.grid() / merged;
    return side * side;
  }

  /// Throws: UsageError("E-CONFIG") naming the key.
  static InternVlConfig from_json(const Json& config, const std::string& where);
};

}  // namespace headroom::models
