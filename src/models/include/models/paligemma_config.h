#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "engine/decoder.h"
#include "engine/vision_tower.h"

namespace headroom::models {

/// config.json of PaliGemma, with a Gemma, and PaliGemma 2, with a Gemma 2.
/// Source: Transformers 5.17, models/paligemma/configuration_paligemma.py; defaults as there.
struct PaliGemmaConfig {
  engine::VisionConfig vision;
  engine::DecoderConfig text;
  int image_token = 256000;
  std::vector<std::string> notices;

  /// Of a picture.
  int features() const { return vision.grid() * vision.grid(); }

  /// Throws: UsageError("E-CONFIG") naming the key.
  static PaliGemmaConfig from_json(const Json& config, const std::string& where);
};

}  // namespace headroom::models
