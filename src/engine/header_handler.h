#pragma once

#include <string>
#include <string_view>

#include "engine/safetensors.h"

namespace headroom::engine {

/// The structure of a header's JSON text, its numbers not yet compared with anything. Reads event
/// by event, so that a hostile text of many small values takes no memory beyond its own.
/// Throws: UsageError("E-SAFETENSORS") with `where` and the reason.
SafetensorsHeader parse_header_json(std::string_view json, const std::string& where);

}  // namespace headroom::engine
