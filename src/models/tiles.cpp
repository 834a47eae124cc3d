#include "tiles.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "base/errors.h"
#include "engine/evaluate.h"

namespace headroom::models {

mx::array encode_tiles(const TilePixels& pixels,
                       int at_once,
                       const engine::Guard& guard,
                       const std::function<mx::array(mx::array&&)>& encode) {
  const auto tile = static_cast<std::ptrdiff_t>(pixels.channels) * pixels.height * pixels.width;
  std::vector<mx::array> parts;
  for (int from = 0; from < pixels.tiles; from += at_once) {
    const int count = std::min(pixels.tiles - from, at_once);
    parts.push_back(encode(mx::array(pixels.data + from * tile,
                                     {count, pixels.channels, pixels.height, pixels.width},
                                     mx::float32)));
    guard.foresee({parts.back()});
    engine::evaluate(parts.back());
  }
  return parts.size() == 1 ? parts.front() : mx::concatenate(std::move(parts), 0);
}

mx::array merge_patches(const mx::array& x, int rows, int cols, int scale) {
  const int width = x.shape(1);
  mx::array y = mx::reshape(x, {-1, rows / scale, scale, cols / scale, scale * width});
  y = mx::transpose(y, {0, 1, 3, 2, 4});  // [N, rows/s, cols/s, s, s C]
  return mx::reshape(y, {-1, scale * scale * width});
}

TilePixels reference_tiles(const mx::array& pixels) {
  const auto rank = static_cast<int>(pixels.ndim());
  if ((rank != 4 && rank != 5) || (rank == 5 && pixels.shape(0) != 1) ||
      pixels.shape(rank - 3) != 3) {
    throw InputError("E-PIXELS",
                     fmt::format("pixel_values of shape [{}]: [1, tiles, 3, height, width] or "
                                 "[tiles, 3, height, width] is wanted",
                                 fmt::join(pixels.shape(), ", ")));
  }
  return {pixels.data<float>(),
          pixels.shape(rank - 4),
          3,
          pixels.shape(rank - 2),
          pixels.shape(rank - 1)};
}

}  // namespace headroom::models
