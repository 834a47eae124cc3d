#include "models/pixel_levels.h"

namespace headroom::models {

Levels levels_of(const PixelSettings& settings) {
  Levels levels{};
  for (std::size_t channel = 0; channel < levels.size(); ++channel) {
    for (std::size_t sample = 0; sample < levels[channel].size(); ++sample) {
      auto value = static_cast<float>(sample);
      if (settings.do_rescale) {
        value = static_cast<float>(static_cast<double>(sample) * settings.rescale_factor);
      }
      if (settings.do_normalize) {
        value = (value - static_cast<float>(settings.mean[channel])) /
                static_cast<float>(settings.std[channel]);
      }
      levels[channel][sample] = value;
    }
  }
  return levels;
}

void write_planes(const images::Image& image,
                  std::size_t left,
                  std::size_t top,
                  std::size_t width,
                  std::size_t height,
                  const Levels& levels,
                  float* planes) {
  const std::size_t plane = width * height;
  for (std::size_t y = 0; y < height; ++y) {
    const std::uint8_t* from = image.rgb.data() + ((top + y) * image.width + left) * 3;
    float* to = planes + y * width;
    for (std::size_t x = 0; x < width; ++x, from += 3) {
      to[x] = levels[0][from[0]];
      to[plane + x] = levels[1][from[1]];
      to[2 * plane + x] = levels[2][from[2]];
    }
  }
}

}  // namespace headroom::models
