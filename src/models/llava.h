#pragma once

#include <memory>
#include <optional>
#include <string>

#include "models/registry.h"

namespace headroom::models {

/// LLaVA 1.5 and LLaVA-NeXT (1.6).
std::unique_ptr<const Architecture> open_llava(const ModelFolder& folder);
std::optional<std::string> llava_name(const std::string& published);

}  // namespace headroom::models
