#pragma once

#include <memory>

#include "models/registry.h"

namespace headroom::models {

/// PaliGemma and PaliGemma 2.
std::unique_ptr<const Architecture> open_paligemma(const ModelFolder& folder);

}  // namespace headroom::models
