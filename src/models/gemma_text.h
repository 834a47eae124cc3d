#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "engine/decoder.h"
#include "models/config_table.h"

namespace headroom::models {

/// Reads the table of a Gemma decoder, by its model_type: "gemma", "gemma2", "gemma3_text". Absent
/// keys have the reference's defaults of that kind.
/// `kinds`: those that the family takes; the first is meant where the table names none.
/// Throws: UsageError("E-CONFIG") naming the key: an activation, a rope or a kind of layer that is
/// not known, sizes that do not divide.
/// Source: Transformers 5.17, models/gemma, models/gemma2, models/gemma3 (configuration_….py,
/// modeling_….py).
engine::DecoderConfig read_gemma_text(ConfigTable table,
                                      std::initializer_list<std::string_view> kinds,
                                      std::vector<std::string>& notices);

}  // namespace headroom::models
