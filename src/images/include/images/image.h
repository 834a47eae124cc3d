#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace headroom::images {

/// An 8-bit RGB picture, rows from the top, no padding: rgb.size() == width * height * 3.
struct Image {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::vector<std::uint8_t> rgb;

  std::uint64_t pixels() const { return std::uint64_t{width} * height; }
};

/// XXH3-128 of width, height and pixels, as 32 hexadecimal digits.
std::string pixel_hash(const Image& image);

}  // namespace headroom::images
