#pragma once

#include <array>
#include <cstddef>

#include "images/image.h"

namespace headroom::models {

/// How a processor makes numbers of 8-bit samples.
struct PixelSettings {
  bool do_rescale = true;
  double rescale_factor = 1.0 / 255.0;
  bool do_normalize = true;
  std::array<double, 3> mean = {0.5, 0.5, 0.5};
  std::array<double, 3> std = {0.5, 0.5, 0.5};
};

/// The value of each 8-bit sample of each channel.
using Levels = std::array<std::array<float, 256>, 3>;

/// Rounded to float as often as the reference rounds: once after the product, then in float.
Levels levels_of(const PixelSettings& settings);

/// Writes the rectangle of `width` by `height` pixels at (left, top) as three planes [3, height,
/// width].
/// Requires: it lies in the picture.
void write_planes(const images::Image& image,
                  std::size_t left,
                  std::size_t top,
                  std::size_t width,
                  std::size_t height,
                  const Levels& levels,
                  float* planes);

}  // namespace headroom::models
