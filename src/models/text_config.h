#pragma once

#include <initializer_list>
#include <string_view>

#include "engine/decoder.h"
#include "models/config_table.h"

namespace headroom::models {

/// "rope_parameters", or "rope_scaling" as it was called before: the table at `key`, where there is
/// one.
/// Throws: UsageError("E-CONFIG") naming what is not known of it.
void read_rope_table(ConfigTable& table, const char* key, engine::RopeConfig& rope);

/// Throws: UsageError("E-CONFIG") where heads do not divide.
void check_sizes(const ConfigTable& table, const engine::DecoderConfig& text);

/// Reads the table of a decoder, by its model_type: "llama", "mistral", "qwen2", "qwen3".
/// `kinds`: those that the family takes; the first is meant where the table names none.
/// `defaults`: absent sizes have the reference's defaults of that kind; else they are refused.
/// Throws: UsageError("E-CONFIG") naming the key: an activation, a rope or a window that is not
/// known, sizes that do not divide.
engine::DecoderConfig read_text_config(ConfigTable table,
                                       std::initializer_list<std::string_view> kinds,
                                       bool defaults,
                                       std::vector<std::string>& notices);

}  // namespace headroom::models
