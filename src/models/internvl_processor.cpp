#include "models/internvl_processor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/errors.h"
#include "processor_table.h"

namespace headroom::models {
namespace {

using images::Image;
using processor_table::find;

struct Grid {
  std::uint32_t cols = 1;
  std::uint32_t rows = 1;

  std::uint32_t count() const { return cols * rows; }
};

/// Few tiles first; of as many, the narrow ones.
std::vector<Grid> possible_grids(std::uint32_t least, std::uint32_t most) {
  std::vector<Grid> grids;
  for (std::uint32_t cols = 1; cols <= most; ++cols) {
    for (std::uint32_t rows = 1; rows <= most / cols; ++rows) {
      if (cols * rows >= least) {
        grids.push_back({cols, rows});
      }
    }
  }
  std::stable_sort(grids.begin(), grids.end(), [](const Grid& a, const Grid& b) {
    return a.count() < b.count();
  });
  return grids;
}

/// Of the aspect nearest to the picture's; of several, the largest that the picture fills to more
/// than half.
Grid best_grid(std::uint32_t width,
               std::uint32_t height,
               const InternVlProcessorConfig& config,
               std::uint32_t most) {
  const double aspect = static_cast<double>(width) / height;
  const double area = static_cast<double>(width) * height;
  Grid best;
  double nearest = HUGE_VAL;
  for (const Grid& grid : possible_grids(std::min(config.min_tiles, most), most)) {
    const double off = std::abs(aspect - static_cast<double>(grid.cols) / grid.rows);
    const bool filled = area > 0.5 * config.side * config.side * grid.cols * grid.rows;
    if (off < nearest || (off == nearest && filled)) {
      best = grid;
      nearest = off;
    }
  }
  return best;
}

void read_size(const Json& preprocessor, InternVlProcessorConfig& config) {
  const Json* size = find(preprocessor, "size");
  if (size == nullptr) {
    return;
  }
  if (size->is_number()) {
    config.side = processor_table::side_of("size", *size, *size);
    return;
  }
  const bool sides = size->is_object() && find(*size, "height") != nullptr &&
                     find(*size, "width") != nullptr && size->at("height") == size->at("width");
  if (!sides) {
    processor_table::refuse(
        "size", *size, "a number, or \"height\" and \"width\" of a square, are accepted");
  }
  config.side = processor_table::side_of("size", *size, size->at("height"));
}

void read_count(const Json& preprocessor, const char* key, std::uint32_t& count) {
  constexpr std::uint32_t kMost = 1024;
  if (const Json* value = find(preprocessor, key)) {
    count = processor_table::side_of(key, *value, *value);
    if (count > kMost) {
      processor_table::refuse(
          key, *value, fmt::format("whole numbers up to {} are accepted", kMost));
    }
  }
}

}  // namespace

InternVlProcessorConfig InternVlProcessorConfig::from_json(const Json& preprocessor,
                                                           const Json& tokenizer) {
  InternVlProcessorConfig config;
  read_size(preprocessor, config);
  read_count(preprocessor, "min_patches", config.min_tiles);
  read_count(preprocessor, "max_patches", config.max_tiles);
  if (config.min_tiles > config.max_tiles) {
    processor_table::refuse("min_patches",
                            config.min_tiles,
                            fmt::format("at most max_patches, {}, is accepted", config.max_tiles));
  }
  processor_table::read_resize(preprocessor, config.resample, config.pass_order);
  processor_table::read_pixels(preprocessor, config.pixels);
  const Json* extra = find(tokenizer, "extra_special_tokens");
  for (const Json* table : {extra, &tokenizer}) {
    if (table != nullptr && table->is_object()) {
      processor_table::read_token(*table, "context_image_token", config.image_token);
      processor_table::read_token(*table, "start_image_token", config.start_token);
      processor_table::read_token(*table, "end_image_token", config.end_token);
    }
  }
  return config;
}

std::optional<InternVlProcessorConfig> InternVlProcessorConfig::load(
    const std::filesystem::path& folder) {
  const auto files = processor_table::Files::load(folder);
  if (!files) {
    return std::nullopt;
  }
  try {
    return from_json(files->pictures(), files->tokenizer);
  } catch (const UsageError& error) {
    files->rethrow(folder, error);
  }
}

InternVlTiles internvl_tiles(std::uint32_t width,
                             std::uint32_t height,
                             const InternVlProcessorConfig& config,
                             std::uint32_t most) {
  // The whole picture is a tile more, unless it is the only one.
  const std::uint32_t limit =
      most == 0 ? config.max_tiles : std::min(config.max_tiles, most > 2 ? most - 1 : 1);
  const Grid grid = best_grid(width, height, config, limit);
  InternVlTiles plan;
  plan.rows = grid.rows;
  plan.cols = grid.cols;
  plan.pixel_bytes = std::uint64_t{plan.tiles()} * 3 * config.side * config.side * sizeof(float);
  const auto resize = [&](std::uint32_t to_width, std::uint32_t to_height) {
    return images::resize_bytes(width, height, to_width, to_height, config.pass_order);
  };
  plan.transient_bytes =
      plan.pixel_bytes + std::max(resize(grid.cols * config.side, grid.rows * config.side),
                                  resize(config.side, config.side));
  return plan;
}

std::vector<float> process_internvl(const Image& image,
                                    const InternVlProcessorConfig& config,
                                    std::uint32_t most) {
  const InternVlTiles plan = internvl_tiles(image.width, image.height, config, most);
  const Levels levels = levels_of(config.pixels);
  const std::size_t side = config.side;
  std::vector<float> pixels(plan.tiles() * 3 * side * side);
  float* planes = pixels.data();
  const auto resized = [&](std::uint32_t cols, std::uint32_t rows) {
    return images::resize(
        image, cols * config.side, rows * config.side, config.resample, config.pass_order);
  };
  {
    const Image canvas = resized(plan.cols, plan.rows);
    for (std::size_t row = 0; row < plan.rows; ++row) {
      for (std::size_t col = 0; col < plan.cols; ++col, planes += 3 * side * side) {
        write_planes(canvas, col * side, row * side, side, side, levels, planes);
      }
    }
  }
  if (plan.tiles() > 1) {
    write_planes(resized(1, 1), 0, 0, side, side, levels, planes);
  }
  return pixels;
}

}  // namespace headroom::models
