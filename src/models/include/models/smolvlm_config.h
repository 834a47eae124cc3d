#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "engine/decoder.h"
#include "engine/vision_tower.h"

namespace headroom::models {

/// config.json of SmolVLM and Idefics3, which are one model under two names: a SigLIP tower without
/// its head, and a Llama. Sizes come from the inner tables alone; equal keys at the top count for
/// nothing.
/// Source: Transformers 5.24, models/smolvlm/configuration_smolvlm.py, models/idefics3,
/// models/llama; defaults as there.
struct SmolVlmConfig {
  engine::VisionConfig vision;
  engine::DecoderConfig text;
  int scale_factor = 2;
  int image_token = 128257;
  std::vector<std::string> notices;  ///< keys that nobody used

  /// Throws: UsageError("E-CONFIG") naming the key.
  static SmolVlmConfig from_json(const Json& config, const std::string& where);
};

}  // namespace headroom::models
