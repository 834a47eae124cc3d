#include "models/llava_processor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/errors.h"
#include "processor_table.h"

namespace headroom::models {
namespace {

using images::Image;
using images::Sides;
using processor_table::find;

/// Python's int(round(value, 7)) of a value above 0.
std::uint32_t rounded_int(double value) {
  return static_cast<std::uint32_t>(std::strtod(fmt::format("{:.7f}", value).c_str(), nullptr));
}

void read_size(const Json& size, LlavaProcessorConfig& config) {
  if (size.is_number()) {
    config.shortest_edge = processor_table::side_of("size", size, size);
    return;
  }
  if (size.is_object() && find(size, "shortest_edge") != nullptr) {
    config.shortest_edge = processor_table::side_of("size", size, size.at("shortest_edge"));
    return;
  }
  if (size.is_object() && find(size, "height") != nullptr && find(size, "width") != nullptr) {
    config.shortest_edge = std::nullopt;
    config.height = processor_table::side_of("size", size, size.at("height"));
    config.width = processor_table::side_of("size", size, size.at("width"));
    return;
  }
  processor_table::refuse(
      "size", size, "a number, \"shortest_edge\", or \"height\" and \"width\" are accepted");
}

void read_crop(const Json& size, LlavaProcessorConfig& config) {
  if (size.is_number()) {
    config.crop_height = config.crop_width = processor_table::side_of("crop_size", size, size);
    return;
  }
  if (!size.is_object() || find(size, "height") == nullptr || find(size, "width") == nullptr) {
    processor_table::refuse(
        "crop_size", size, "a number, or \"height\" and \"width\", are accepted");
  }
  config.crop_height = processor_table::side_of("crop_size", size, size.at("height"));
  config.crop_width = processor_table::side_of("crop_size", size, size.at("width"));
}

/// Sides after the resize that comes before the crop.
Sides resized_sides(Sides sides, const LlavaProcessorConfig& config) {
  if (!config.do_resize) {
    return sides;
  }
  if (!config.shortest_edge) {
    return {config.width, config.height};
  }
  const std::uint64_t edge = *config.shortest_edge;
  const bool upright = sides.width <= sides.height;
  const std::uint64_t shorter = upright ? sides.width : sides.height;
  const std::uint64_t longer = upright ? sides.height : sides.width;
  const auto other = static_cast<std::uint32_t>(
      std::floor(static_cast<double>(edge * longer) / static_cast<double>(shorter)));
  const auto same = static_cast<std::uint32_t>(edge);
  return upright ? Sides{same, other} : Sides{other, same};
}

Sides tile_sides(Sides sides, const LlavaProcessorConfig& config) {
  return config.do_center_crop ? Sides{config.crop_width, config.crop_height}
                               : resized_sides(sides, config);
}

/// Where a crop of `want` begins in `have`: negative where it begins before it.
std::int64_t crop_start(std::uint32_t have, std::uint32_t want) {
  const auto difference = static_cast<std::int64_t>(have) - static_cast<std::int64_t>(want);
  return difference >= 0 ? difference / 2 : -((1 - difference) / 2);
}

/// `sides` of the picture, at (left, top) of it; black where it has nothing.
Image cropped(const Image& image, std::int64_t left, std::int64_t top, Sides sides) {
  Image result{sides.width,
               sides.height,
               std::vector<std::uint8_t>(std::size_t{sides.width} * sides.height * 3)};
  const std::int64_t from_x = std::max<std::int64_t>(left, 0);
  const std::int64_t to_x = std::min<std::int64_t>(left + sides.width, image.width);
  for (std::uint32_t y = 0; y < sides.height && from_x < to_x; ++y) {
    const std::int64_t source = top + y;
    if (source < 0 || source >= image.height) {
      continue;
    }
    const auto* row = image.rgb.data() + (source * image.width + from_x) * 3;
    std::copy(row,
              row + (to_x - from_x) * 3,
              result.rgb.data() + (static_cast<std::int64_t>(y) * sides.width + from_x - left) * 3);
  }
  return result;
}

Image resized(const Image& image, Sides sides, const LlavaProcessorConfig& config) {
  return images::resize(image, sides.width, sides.height, config.resample, config.pass_order);
}

/// CLIP's processing of one picture or tile, written to its place.
void write_tile(const Image& image,
                const LlavaProcessorConfig& config,
                const Levels& levels,
                float* planes) {
  const Sides sides{image.width, image.height};
  const Image sized = resized(image, resized_sides(sides, config), config);
  const Sides tile = tile_sides(sides, config);
  const std::int64_t left = crop_start(sized.width, tile.width);
  const std::int64_t top = crop_start(sized.height, tile.height);
  write_planes(cropped(sized, left, top, tile), 0, 0, tile.width, tile.height, levels, planes);
}

/// The resolution that keeps most of the picture's pixels, and of those the one that wastes least.
const Resolution* best_resolution(Sides picture,
                                  const LlavaProcessorConfig& config,
                                  std::uint32_t most) {
  const Resolution* best = nullptr;
  std::uint64_t most_kept = 0;
  std::uint64_t least_wasted = 0;
  for (const Resolution& resolution : config.resolutions) {
    const std::uint64_t tiles = 1 + std::uint64_t{resolution.height / config.crop_height} *
                                        (resolution.width / config.crop_width);
    if (most > 0 && tiles > most) {
      continue;
    }
    const double scale = std::min(static_cast<double>(resolution.width) / picture.width,
                                  static_cast<double>(resolution.height) / picture.height);
    const auto width = static_cast<std::uint64_t>(picture.width * scale);
    const auto height = static_cast<std::uint64_t>(picture.height * scale);
    const std::uint64_t kept =
        std::min(width * height, std::uint64_t{picture.width} * picture.height);
    const std::uint64_t wasted = std::uint64_t{resolution.width} * resolution.height - kept;
    if (best == nullptr || kept > most_kept || (kept == most_kept && wasted < least_wasted)) {
      best = &resolution;
      most_kept = kept;
      least_wasted = wasted;
    }
  }
  return best;
}

/// The largest sides with the picture's aspect that the resolution holds.
Sides within(Sides picture, const Resolution& resolution) {
  const double by_width = static_cast<double>(resolution.width) / picture.width;
  const double by_height = static_cast<double>(resolution.height) / picture.height;
  if (by_width < by_height) {
    const auto height = static_cast<std::uint32_t>(std::ceil(picture.height * by_width));
    return {resolution.width, std::min(height, resolution.height)};
  }
  const auto width = static_cast<std::uint32_t>(std::ceil(picture.width * by_height));
  return {std::min(width, resolution.width), resolution.height};
}

/// What a resize and a crop hold beside their input.
std::uint64_t tile_bytes(Sides from, const LlavaProcessorConfig& config) {
  const Sides to = resized_sides(from, config);
  const Sides tile = tile_sides(from, config);
  return images::resize_bytes(from.width, from.height, to.width, to.height, config.pass_order) +
         std::uint64_t{tile.width} * tile.height * 3;
}

Image padded(const Image& image, const Resolution& resolution) {
  const Sides sides{resolution.width, resolution.height};
  return cropped(image,
                 -static_cast<std::int64_t>((sides.width - image.width) / 2),
                 -static_cast<std::int64_t>((sides.height - image.height) / 2),
                 sides);
}

/// LLaVA-NeXT's first tile is the whole picture, its aspect not kept.
Image overview(const Image& image, const LlavaProcessorConfig& config) {
  const Sides sides = config.shortest_edge ? Sides{*config.shortest_edge, *config.shortest_edge}
                                           : Sides{config.width, config.height};
  return resized(image, sides, config);
}

}  // namespace

LlavaProcessorConfig LlavaProcessorConfig::from_json(const Json& preprocessor,
                                                     bool next,
                                                     const Json& processor) {
  LlavaProcessorConfig config;
  if (next) {
    config.resolutions = {{336, 672}, {672, 336}, {672, 672}, {1008, 336}, {336, 1008}};
  }
  processor_table::read_flag(preprocessor, "do_resize", config.do_resize);
  processor_table::read_flag(preprocessor, "do_center_crop", config.do_center_crop);
  if (const Json* size = find(preprocessor, "size")) {
    read_size(*size, config);
  }
  if (const Json* size = find(preprocessor, "crop_size")) {
    read_crop(*size, config);
  }
  processor_table::read_resize(preprocessor, config.resample, config.pass_order);
  processor_table::read_pixels(preprocessor, config.pixels);
  const Json* pinpoints = find(preprocessor, "image_grid_pinpoints");
  if (next && pinpoints != nullptr) {
    config.resolutions = read_resolutions(
        *pinpoints, "preprocessor_config.json: \"image_grid_pinpoints\"", "E-PROCESSOR");
  }
  bool to_square = false;
  processor_table::read_flag(preprocessor, "do_pad", to_square);
  if (!next && to_square) {
    processor_table::refuse("do_pad", true, "only false is accepted for LLaVA 1.5");
  }
  processor_table::read_token(processor, "image_token", config.image_token);
  return config;
}

std::optional<LlavaProcessorConfig> LlavaProcessorConfig::load(const std::filesystem::path& folder,
                                                               bool next) {
  const auto files = processor_table::Files::load(folder);
  if (!files) {
    return std::nullopt;
  }
  try {
    return from_json(files->pictures(), next, files->processor);
  } catch (const UsageError& error) {
    files->rethrow(folder, error);
  }
}

LlavaTiles llava_tiles(std::uint32_t width,
                       std::uint32_t height,
                       const LlavaProcessorConfig& config,
                       std::uint32_t most) {
  const Sides picture{width, height};
  LlavaTiles plan;
  std::uint64_t canvas = 0;
  std::uint64_t to_canvas = 0;
  Sides first = picture;
  if (!config.resolutions.empty()) {
    first = config.shortest_edge ? Sides{*config.shortest_edge, *config.shortest_edge}
                                 : Sides{config.width, config.height};
    if (const Resolution* best = best_resolution(picture, config, most)) {
      plan.rows = best->height / config.crop_height;
      plan.cols = best->width / config.crop_width;
      plan.tiles += plan.rows * plan.cols;
      const Sides inner = within(picture, *best);
      canvas = std::uint64_t{best->width} * best->height * 3;
      to_canvas = images::resize_bytes(width, height, inner.width, inner.height, config.pass_order);
    }
  }
  const Sides tile = tile_sides(first, config);
  plan.tile_height = tile.height;
  plan.tile_width = tile.width;
  plan.pixel_bytes = std::uint64_t{plan.tiles} * 3 * tile.width * tile.height * sizeof(float);
  const std::uint64_t to_first =
      config.resolutions.empty()
          ? 0
          : images::resize_bytes(width, height, first.width, first.height, config.pass_order);
  plan.transient_bytes = plan.pixel_bytes + std::max({to_first + tile_bytes(first, config),
                                                      to_canvas + canvas,
                                                      canvas + 2 * tile_bytes(tile, config)});
  return plan;
}

std::vector<float> process_llava(const Image& image,
                                 const LlavaProcessorConfig& config,
                                 std::uint32_t most) {
  const LlavaTiles plan = llava_tiles(image.width, image.height, config, most);
  const Levels levels = levels_of(config.pixels);
  const std::size_t size = std::size_t{3} * plan.tile_width * plan.tile_height;
  std::vector<float> pixels(plan.tiles * size);
  if (config.resolutions.empty()) {
    write_tile(image, config, levels, pixels.data());
    return pixels;
  }
  write_tile(overview(image, config), config, levels, pixels.data());
  const Sides picture{image.width, image.height};
  const Resolution* best = best_resolution(picture, config, most);
  if (best == nullptr) {
    return pixels;
  }
  const Image canvas = padded(resized(image, within(picture, *best), config), *best);
  float* planes = pixels.data() + size;
  for (std::uint32_t row = 0; row < plan.rows; ++row) {
    for (std::uint32_t col = 0; col < plan.cols; ++col, planes += size) {
      const Image tile = cropped(canvas,
                                 std::int64_t{col} * config.crop_width,
                                 std::int64_t{row} * config.crop_height,
                                 {config.crop_width, config.crop_height});
      write_tile(tile, config, levels, planes);
    }
  }
  return pixels;
}

KeptFeatures unpadded(std::uint32_t picture_width,
                      std::uint32_t picture_height,
                      std::uint32_t grid_cols,
                      std::uint32_t grid_rows) {
  const auto cols = static_cast<double>(grid_cols);
  const auto rows = static_cast<double>(grid_rows);
  const auto width = static_cast<double>(picture_width);
  const auto height = static_cast<double>(picture_height);
  if (width / height > cols / rows) {
    const std::uint32_t kept = rounded_int(height * (cols / width));
    const std::uint32_t padding = (grid_rows - kept) / 2;
    return {padding, 0, grid_rows - 2 * padding, grid_cols};
  }
  const std::uint32_t kept = rounded_int(width * (rows / height));
  const std::uint32_t padding = (grid_cols - kept) / 2;
  return {0, padding, grid_rows, grid_cols - 2 * padding};
}

}  // namespace headroom::models
