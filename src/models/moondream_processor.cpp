#include "models/moondream_processor.h"

#include <algorithm>
#include <cmath>

#include "models/pixel_levels.h"

namespace headroom::models {
namespace {

using images::Image;
using images::Sides;

struct Tiling {
  std::uint32_t rows = 1;
  std::uint32_t cols = 1;

  std::uint32_t count() const { return rows * cols; }
};

std::uint32_t floored(double value) { return static_cast<std::uint32_t>(std::floor(value)); }

/// The tiling of a picture without its outer margins.
Tiling select_tiling(double height, double width, double window, std::uint32_t most) {
  if (height <= window || width <= window) {
    return {};
  }
  const auto least_rows = static_cast<std::uint32_t>(std::ceil(height / window));
  const auto least_cols = static_cast<std::uint32_t>(std::ceil(width / window));
  if (std::uint64_t{least_rows} * least_cols > most) {
    const double ratio = std::sqrt(most / (static_cast<double>(least_rows) * least_cols));
    return {std::max(1U, floored(least_rows * ratio)), std::max(1U, floored(least_cols * ratio))};
  }
  Tiling tiling{std::max(floored(std::sqrt(most * height / width)), least_rows),
                std::max(floored(std::sqrt(most * width / height)), least_cols)};
  if (tiling.count() > most) {
    if (tiling.cols > tiling.rows) {
      tiling.cols = most / tiling.rows;
    } else {
      tiling.rows = most / tiling.cols;
    }
  }
  return {std::max(1U, tiling.rows), std::max(1U, tiling.cols)};
}

/// A limit counts what the rule gives, which may be more than it was asked for.
Tiling tiling_for(Sides sides, const MoondreamCropSettings& settings, std::uint32_t most) {
  const auto inner = [&settings](std::uint32_t side) {
    return static_cast<double>(side) - 2.0 * settings.margin;
  };
  for (std::uint32_t crops = settings.max_crops; crops > 0; --crops) {
    const Tiling tiling =
        select_tiling(inner(sides.height), inner(sides.width), settings.window(), crops);
    if (most == 0 || 1 + tiling.count() <= most) {
      return tiling;
    }
  }
  return {};
}

}  // namespace

MoondreamCrops moondream_crops(std::uint32_t width,
                               std::uint32_t height,
                               const MoondreamCropSettings& settings,
                               std::uint32_t most) {
  const Tiling tiling = tiling_for({width, height}, settings, most);
  MoondreamCrops plan;
  plan.rows = tiling.rows;
  plan.cols = tiling.cols;
  plan.canvas = {tiling.cols * settings.window() + 2 * settings.margin,
                 tiling.rows * settings.window() + 2 * settings.margin};
  plan.pixel_bytes =
      std::uint64_t{plan.tiles()} * 3 * settings.crop * settings.crop * sizeof(float);
  const auto resize = [&](Sides to) {
    return images::resize_bytes(width, height, to.width, to.height, settings.pass_order);
  };
  plan.transient_bytes =
      plan.pixel_bytes + std::max(resize(plan.canvas), resize({settings.crop, settings.crop}));
  return plan;
}

std::vector<float> process_moondream(const Image& image,
                                     const MoondreamCropSettings& settings,
                                     std::uint32_t most) {
  const MoondreamCrops crops = moondream_crops(image.width, image.height, settings, most);
  const Levels levels = levels_of(PixelSettings());
  const std::size_t side = settings.crop;
  std::vector<float> pixels(crops.tiles() * 3 * side * side);
  float* planes = pixels.data();
  const auto resized = [&](std::uint32_t width, std::uint32_t height) {
    return images::resize(image, width, height, images::Filter::kLanczos, settings.pass_order);
  };
  write_planes(resized(settings.crop, settings.crop), 0, 0, side, side, levels, planes);
  const Image canvas = resized(crops.canvas.width, crops.canvas.height);
  const std::size_t window = settings.window();
  for (std::size_t row = 0; row < crops.rows; ++row) {
    for (std::size_t col = 0; col < crops.cols; ++col) {
      planes += 3 * side * side;
      write_planes(canvas, col * window, row * window, side, side, levels, planes);
    }
  }
  return pixels;
}

}  // namespace headroom::models
