#pragma once

#include <cstdint>
#include <vector>

#include "images/resize.h"

namespace headroom::images {

/// Fractional bits of a weight: 32 minus 8 for the sample minus 2 for overshoot, as in Pillow.
constexpr unsigned kWeightBits = 32 - 8 - 2;

/// For each place of the result the first place of the source, the number of places, and as many
/// fixed-point weights, `taps` apart.
struct Weights {
  struct Span {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
  };

  std::vector<Span> spans;
  std::size_t taps = 0;
  std::vector<std::int32_t> values;

  const std::int32_t* at(std::size_t place) const { return values.data() + place * taps; }
};

/// `short_weights`: as torchvision has them, of 16 bits with as many of them fractional as the
/// largest leaves room for; else Pillow's.
/// Requires: both sizes > 0; a filter other than kNearest.
/// Source: Pillow 12, src/libImaging/Resample.c, precompute_coeffs and normalize_coeffs_8bpc;
/// PyTorch 2.11, aten/src/ATen/native/cpu/UpSampleKernel.cpp, compute_index_ranges_int16_weights.
Weights weights_for(std::uint32_t source_size,
                    std::uint32_t target_size,
                    Filter filter,
                    bool short_weights = false);

/// The place in the source that nearest-neighbour takes for each place of the result.
/// Source: Pillow 12, src/libImaging/Geometry.c, ImagingScaleAffine.
std::vector<std::uint32_t> nearest_places(std::uint32_t source_size, std::uint32_t target_size);

}  // namespace headroom::images
