#pragma once

#include <memory>
#include <optional>
#include <string>

#include "models/registry.h"

namespace headroom::models {

std::unique_ptr<const Architecture> open_smolvlm(const ModelFolder& folder);
std::optional<std::string> smolvlm_name(const std::string& published);

}  // namespace headroom::models
