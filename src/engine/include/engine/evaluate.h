#pragma once

#include <vector>

#include "engine/device.h"

namespace headroom::engine {

/// Computes arrays and everything that they depend on, and waits. The one way to do so outside of
/// this part, so that it can be seen where work happens.
/// Throws: what a guard throws, and MLX's own exceptions.
/// Thread: MLX thread.
void evaluate(const mx::array& x);
void evaluate(std::vector<mx::array> all);

}  // namespace headroom::engine
