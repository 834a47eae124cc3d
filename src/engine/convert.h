#pragma once

#include <cstddef>
#include <string_view>

#include "engine/device.h"

namespace headroom::engine {

/// True for the stored dtypes that a weight may have: "F32", "BF16", "F16".
bool convertible(std::string_view stored);

/// Converts `count` elements, rounding to nearest even where the target is narrower.
/// Requires: convertible(stored); both places are large enough and do not overlap.
void convert_elements(
    std::string_view stored, const char* from, mx::Dtype wanted, char* to, std::size_t count);

/// The MLX dtype of the same layout. Requires: convertible(stored).
mx::Dtype dtype_of(std::string_view stored);

}  // namespace headroom::engine
