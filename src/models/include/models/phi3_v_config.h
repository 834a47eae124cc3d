#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "engine/decoder.h"
#include "engine/vision_tower.h"

namespace headroom::models {

/// config.json of Phi-3-vision and Phi-3.5-vision.
/// Source: Microsoft, Phi-3-vision-128k-instruct, configuration_phi3_v.py and
/// image_embedding_phi3_v.py; defaults as there.
struct Phi3VConfig {
  engine::VisionConfig vision;
  engine::DecoderConfig text;
  bool overview_first = false;  ///< "glb_sub": the whole picture's features before the crops'
  std::vector<std::string> notices;

  /// Down and across of a crop's features, of which each stands for two by two patches.
  int side() const { return vision.grid() / 2; }

  /// Throws: UsageError("E-CONFIG") naming the key.
  static Phi3VConfig from_json(const Json& config, const std::string& where);
};

}  // namespace headroom::models
