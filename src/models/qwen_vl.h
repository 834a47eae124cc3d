#pragma once

#include <memory>
#include <optional>
#include <string>

#include "models/registry.h"

namespace headroom::models {

/// Qwen2-VL, Qwen2.5-VL and Qwen3-VL.
std::unique_ptr<const Architecture> open_qwen_vl(const ModelFolder& folder);
std::optional<std::string> qwen_vl_name(const std::string& published);

}  // namespace headroom::models
