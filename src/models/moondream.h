#pragma once

#include <memory>
#include <optional>
#include <string>

#include "models/registry.h"

namespace headroom::models {

/// Moondream 2.
std::unique_ptr<const Architecture> open_moondream(const ModelFolder& folder);
std::optional<std::string> moondream_name(const std::string& published);

}  // namespace headroom::models
