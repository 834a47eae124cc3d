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

/// Which pass comes first where both sides change; it shows in the last bit, since samples are
/// rounded to 8 bits in between.
enum class PassOrder {
  /// Pillow 12.3: across first; down first for pictures over 100 times as high as wide that lose
  /// height. (Older ones: always across first.)
  kPillow12,
  /// Pillow 13: down first where the height loses more than twice as many rows as the width loses
  /// columns.
  kPillow13,
  /// torchvision's resize (with antialias) of an 8-bit picture on a CPU: always across first, and
  /// its weights have 16 bits.
  kTorchvision,
};

/// Pillow's Image.resize of an RGB picture, bit for bit (8-bit fixed-point two-pass resampling); or
/// torchvision's, as the order says.
/// Requires: both target sides > 0, picture not empty.
/// Memory: resize_bytes(...), and 100 bytes a column of either picture.
/// Thread: any; no shared state.
/// Source: Pillow 12.3, src/libImaging/Resample.c and Image.resize; Pillow 13's order by
/// experiment. PyTorch 2.11, aten/src/ATen/native/cpu/UpSampleKernelAVXAntialias.h.
Image resize(const Image& image,
             std::uint32_t width,
             std::uint32_t height,
             Filter filter,
             PassOrder order = PassOrder::kPillow12);

/// Bytes of the result and of the picture between the passes.
std::uint64_t resize_bytes(std::uint32_t from_width,
                           std::uint32_t from_height,
                           std::uint32_t width,
                           std::uint32_t height,
                           PassOrder order = PassOrder::kPillow12);

struct Sides {
  std::uint32_t width = 0;
  std::uint32_t height = 0;

  bool operator==(const Sides&) const = default;
};

/// The sides themselves if the longest is at most `max_side`, else reduced to it, aspect kept,
/// rounded and at least 1. `max_side` 0: no limit.
Sides limited_sides(Sides sides, std::uint32_t max_side);

/// The picture with its limited sides, reduced by Lanczos where they are smaller. Never enlarges.
Image limit_side(Image image, std::uint32_t max_side);

}  // namespace headroom::images
