#pragma once

#include <vector>

#include "engine/device.h"

namespace headroom::engine {

/// Computes arrays and everything that they depend on, waits, and synchronises, so that the numbers
/// can be believed. The one way to do so outside of this part, so that it can be seen where work
/// happens.
/// Throws: what a guard throws, and MLX's own exceptions, those of an earlier evaluation included.
/// Thread: MLX thread.
void evaluate(const mx::array& x);
void evaluate(std::vector<mx::array> all);

}  // namespace headroom::engine
