#pragma once

#include <cstdint>
#include <string>

namespace headroom::mlx_worker::testing {

/// A black BMP file of 24 bits a pixel.
inline std::string bmp(std::uint32_t width, std::uint32_t height) {
  const auto put = [](std::string& file, std::uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) {
      file.push_back(static_cast<char>(value >> (8 * i) & 0xFFU));
    }
  };
  constexpr std::uint32_t kHeader = 14 + 40;
  const std::uint32_t pixels = (width * 3 + 3) / 4 * 4 * height;
  std::string file = "BM";
  put(file, kHeader + pixels, 4);
  put(file, 0, 4);
  put(file, kHeader, 4);
  put(file, 40, 4);
  put(file, width, 4);
  put(file, height, 4);
  put(file, 1, 2);
  put(file, 24, 2);
  put(file, 0, 4);
  put(file, pixels, 4);
  file.append(16, '\0');
  file.append(pixels, '\0');
  return file;
}

}  // namespace headroom::mlx_worker::testing
