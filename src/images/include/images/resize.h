#pragma once

#include <cstdint>

#include "images/image.h"

namespace headroom::images {

/// Numbered as in PIL.Image.Resampling and preprocessor_config.json's "resample".
enum class Filter : int {
  kNearest = 0,
  kLanczos = 1,
  kBilinear = 2,
  kBicubic = 3,
  kBox = 4,
  kHamming = 5,
};

/// Pillow's Image.resize of an RGB picture, bit for bit (8-bit fixed-point two-pass resampling).
/// Requires: both target sides > 0, picture not empty.
/// Memory: width*image.height*3 + width*height*3 bytes, and 48 bytes a column of either picture.
/// Thread: any; no shared state.
/// Source: Pillow 12, src/libImaging/Resample.c.
Image resize(const Image& image, std::uint32_t width, std::uint32_t height, Filter filter);

/// The picture itself if its longest side is at most `max_side`, else reduced to it by Lanczos,
/// aspect kept, sides rounded and at least 1. `max_side` 0: no limit. Never enlarges.
Image limit_side(Image image, std::uint32_t max_side);

}  // namespace headroom::images
