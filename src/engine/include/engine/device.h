#pragma once

#include <mlx/mlx.h>

#include <string>
#include <string_view>

namespace headroom::engine {

namespace mx = mlx::core;

/// "cpu", "cuda: NVIDIA H100 80GB HBM3", "metal: Apple M3".
std::string device_name();
bool on_gpu();
std::string engine_version();

/// float32 on CPUs, bfloat16 on GPUs: 16-bit products run at 3 to 5 GFLOP/s on a CPU, float32 at
/// over 100.
mx::Dtype default_dtype();
/// Empty: the default. Throws UsageError("E-DTYPE") with the names that are known.
mx::Dtype parse_dtype(std::string_view name);
std::string dtype_name(mx::Dtype dtype);

}  // namespace headroom::engine
