#pragma once

#include <memory>

#include "models/registry.h"

namespace headroom::models {

std::unique_ptr<const Architecture> open_gemma3(const ModelFolder& folder);

}  // namespace headroom::models
