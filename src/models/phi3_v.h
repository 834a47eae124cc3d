#pragma once

#include <memory>
#include <optional>
#include <string>

#include "models/registry.h"

namespace headroom::models {

/// Phi-3-vision and Phi-3.5-vision.
std::unique_ptr<const Architecture> open_phi3_v(const ModelFolder& folder);
std::optional<std::string> phi3_v_name(const std::string& published);

}  // namespace headroom::models
