#pragma once

#include <functional>
#include <vector>

#include "engine/guard.h"
#include "models/architecture.h"

namespace headroom::models {

/// Pixels of equal tiles on the host. Shape: [tiles, channels, height, width], row-major.
struct TilePixels {
  const float* data = nullptr;
  int tiles = 0;
  int channels = 3;
  int height = 0;
  int width = 0;
};

/// Encodes some tiles at a time, so that only theirs are copied to arrays, and only their
/// transient is held: the features one below the other, their parts evaluated.
/// `encode`: [n, channels, height, width] -> features of n tiles.
mx::array encode_tiles(const TilePixels& pixels,
                       int at_once,
                       const engine::Guard& guard,
                       const std::function<mx::array(mx::array&&)>& encode);

/// `scale` by `scale` neighbours side by side, row by row: [N * rows * cols, C] -> [N * rows * cols
/// / scale^2, scale^2 C]. Requires: rows and cols are multiples of scale.
mx::array merge_patches(const mx::array& x, int rows, int cols, int scale);

/// The pixels of a reference's pixel_values of shape [1, tiles, 3, H, W] or [tiles, 3, H, W].
/// Throws: InputError("E-PIXELS") naming the shape.
TilePixels reference_tiles(const mx::array& pixels);

}  // namespace headroom::models
