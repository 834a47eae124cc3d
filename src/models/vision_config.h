#pragma once

#include "engine/vision_tower.h"
#include "models/config_table.h"

namespace headroom::models {

/// Reads the table of a vision transformer into `vision`, which holds what an absent key means and
/// what is not in the table (class token, norms, biases). Transformers names: hidden_size, ….
/// Throws: UsageError("E-CONFIG") naming the key: an activation that is not known, sizes that do
/// not divide.
void read_vision_config(ConfigTable table,
                        engine::VisionConfig& vision,
                        std::vector<std::string>& notices);

/// Refuses, naming `key` for the patch, a tile without a whole patch, or with too many of them.
/// What is beyond the last whole one is left out, as the reference's convolution does.
void check_grid(const ConfigTable& table, const char* key, const engine::VisionConfig& vision);

/// The layers that are run for the feature layer `index`, as Transformers counts hidden states: 0
/// the embeddings, -1 the last layer's output.
/// Throws: UsageError("E-CONFIG") naming `key` of `table` where there is no such layer.
int layers_for(const ConfigTable& table, const char* key, int index, int layers);

/// SigLIP, and CLIP with its defaults.
/// Source: Transformers 5.24, models/siglip, models/clip (configuration_….py).
engine::VisionConfig siglip_vision();
engine::VisionConfig clip_vision();

/// A family's "vision_config" with a SigLIP in it; `absent`: what one has that names none.
/// Throws: as read_vision_config, and for a tower of another kind.
engine::VisionConfig read_siglip(ConfigTable& table,
                                 const engine::VisionConfig& absent,
                                 std::vector<std::string>& notices);

/// An activation by its name in Transformers.
/// Throws: UsageError("E-CONFIG") with the names that are known.
engine::Activation read_activation(ConfigTable& table, const char* key, const char* otherwise);

}  // namespace headroom::models
