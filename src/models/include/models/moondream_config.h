#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "engine/decoder.h"
#include "engine/vision_tower.h"
#include "models/moondream_processor.h"

namespace headroom::models {

/// config.json of Moondream 2 as it is since 2025: what "config" leaves out has the default of the
/// model's own code.
/// Source: vikhyat/moondream 44146f1, moondream/torch/config.py.
struct MoondreamConfig {
  engine::VisionConfig vision;
  engine::DecoderConfig text;
  int projector_inner = 8192;
  int margin = 4;  ///< patches
  MoondreamCropSettings crops;
  std::int32_t bos = 0;
  std::int32_t eos = 0;
  std::vector<std::int32_t> prefix = {1, 15381, 2};  ///< before a question
  std::vector<std::int32_t> suffix = {3};            ///< behind it
  std::vector<std::string> notices;

  /// Of a picture, however it is cut.
  int features() const { return vision.grid() * vision.grid(); }

  /// Throws: UsageError("E-CONFIG") naming the key.
  static MoondreamConfig from_json(const Json& config, const std::string& where);
};

}  // namespace headroom::models
