#pragma once

#include <functional>
#include <string>

#include "engine/device.h"

namespace headroom::engine {

/// Names of intermediate results, as the reference names them, for comparison layer by layer.
using Tap = std::function<void(const std::string& name, const mx::array& value)>;

}  // namespace headroom::engine
