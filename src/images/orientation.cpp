#include <algorithm>
#include <cstring>

#include "codec.h"

namespace headroom::images {
namespace {

/// Where the pixel (0, 0) of the turned picture comes from and how to step from there.
struct Walk {
  std::ptrdiff_t start = 0;
  std::ptrdiff_t across = 0;  ///< bytes in the source for one pixel to the right in the result
  std::ptrdiff_t down = 0;
};

Walk walk_for(int orientation, std::ptrdiff_t width, std::ptrdiff_t height) {
  const std::ptrdiff_t pixel = 3;
  const std::ptrdiff_t row = width * pixel;
  const std::ptrdiff_t last_in_row = row - pixel;
  const std::ptrdiff_t last_row = (height - 1) * row;
  switch (orientation) {
    case 2:
      return {last_in_row, -pixel, row};
    case 3:
      return {last_row + last_in_row, -pixel, -row};
    case 4:
      return {last_row, pixel, -row};
    case 5:
      return {0, row, pixel};
    case 6:
      return {last_row, -row, pixel};
    case 7:
      return {last_row + last_in_row, -row, -pixel};
    default:  // 8
      return {last_in_row, row, -pixel};
  }
}

}  // namespace

Image apply_orientation(Image image, int orientation) {
  if (orientation < 2 || orientation > 8) {
    return image;
  }
  const Walk walk = walk_for(orientation,
                             static_cast<std::ptrdiff_t>(image.width),
                             static_cast<std::ptrdiff_t>(image.height));
  Image turned;
  turned.width = orientation >= 5 ? image.height : image.width;
  turned.height = orientation >= 5 ? image.width : image.height;
  turned.rgb.resize(image.rgb.size());
  // Square blocks keep both sides of a quarter turn in the cache.
  constexpr std::uint32_t kBlock = 32;
  const std::uint8_t* source = image.rgb.data();
  std::uint8_t* target = turned.rgb.data();
  for (std::uint32_t top = 0; top < turned.height; top += kBlock) {
    for (std::uint32_t left = 0; left < turned.width; left += kBlock) {
      const std::uint32_t bottom = std::min(top + kBlock, turned.height);
      const std::uint32_t right = std::min(left + kBlock, turned.width);
      for (std::uint32_t y = top; y < bottom; ++y) {
        const std::uint8_t* from = source + walk.start + y * walk.down + left * walk.across;
        std::uint8_t* to = target + (std::size_t{y} * turned.width + left) * 3;
        for (std::uint32_t x = left; x < right; ++x, from += walk.across, to += 3) {
          std::memcpy(to, from, 3);
        }
      }
    }
  }
  return turned;
}

}  // namespace headroom::images
