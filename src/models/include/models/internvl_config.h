#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "engine/decoder.h"
#include "engine/vision_tower.h"
#include "models/internvl_processor.h"

namespace headroom::models {

/// config.json of InternVL 3, as Transformers has it ("internvl"), or as it was published
/// ("internvl_chat"), where it says too how pictures are cut.
/// Source: Transformers 5.24, models/internvl/configuration_internvl.py; OpenGVLab/InternVL3-1B,
/// configuration_internvl_chat.py and configuration_intern_vit.py; defaults as there.
struct InternVlConfig {
  engine::VisionConfig vision;
  engine::DecoderConfig text;
  engine::Activation activation = engine::Activation::kGelu;  ///< of the projector
  int merged = 2;  ///< patches down and across that become one feature
  int image_token = 151667;
  /// "internvl_chat": how pictures are cut, and that contents are texts with "<image>" in them.
  std::optional<InternVlProcessorConfig> chat;
  std::vector<std::string> notices;

  /// Features of a tile.
  int tile_features() const {
    const int side = vision.grid() / merged;
    return side * side;
  }

  /// Throws: UsageError("E-CONFIG") naming the key.
  static InternVlConfig from_json(const Json& config, const std::string& where);
  /// The same of "internvl_chat". The image token is the tokenizer's to name.
  static InternVlConfig from_chat_json(const Json& config, const std::string& where);
};

}  // namespace headroom::models
