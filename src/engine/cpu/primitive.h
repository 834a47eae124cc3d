#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/device.h"

namespace headroom::engine::cpu {

/// An array that a function of ours computes on MLX's CPU stream, in order with MLX's own work.
/// `run` gets the inputs' data and the output's; inputs are kept until it has run.
/// `reuse`: index of an input whose buffer becomes the output's where nobody else holds it; -1:
/// none. Throws, from mx::eval: BudgetError("E-MEM-ALLOC") when memory cannot be allocated.
using Run = std::function<void(const std::vector<const float*>& inputs, float* output)>;
mx::array make_array(
    const char* name, mx::Shape shape, std::vector<mx::array> inputs, Run run, int reuse = -1);

/// The same for inputs of several dtypes.
using MixedRun = std::function<void(const std::vector<const void*>& inputs, float* output)>;
mx::array make_mixed_array(const char* name,
                           mx::Shape shape,
                           std::vector<mx::array> inputs,
                           MixedRun run);

}  // namespace headroom::engine::cpu
