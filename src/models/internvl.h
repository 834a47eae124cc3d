#pragma once

#include <memory>
#include <optional>
#include <string>

#include "models/registry.h"

namespace headroom::models {

/// InternVL 3.
std::unique_ptr<const Architecture> open_internvl(const ModelFolder& folder);
/// The same as it was published first, with its settings in config.json.
std::unique_ptr<const Architecture> open_internvl_chat(const ModelFolder& folder);
std::optional<std::string> internvl_name(const std::string& published);

}  // namespace headroom::models
