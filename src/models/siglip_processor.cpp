#include "models/siglip_processor.h"

#include <algorithm>
#include <cmath>

#include "processor_table.h"

namespace headroom::models {
namespace {

using images::Image;
using processor_table::find;

void read_size(const Json& size, SiglipProcessorConfig& config) {
  if (size.is_number()) {
    config.height = config.width = processor_table::side_of("size", size, size);
    return;
  }
  if (!size.is_object() || find(size, "height") == nullptr || find(size, "width") == nullptr) {
    processor_table::refuse("size", size, "a number, or \"height\" and \"width\", are accepted");
  }
  config.height = processor_table::side_of("size", size, size.at("height"));
  config.width = processor_table::side_of("size", size, size.at("width"));
}

void read_crops(const Json& table, SiglipProcessorConfig& config) {
  bool wanted = false;
  processor_table::read_flag(table, "do_pan_and_scan", wanted);
  if (!wanted) {
    return;
  }
  PanAndScan crops;
  if (const Json* side = find(table, "pan_and_scan_min_crop_size")) {
    crops.least_side = processor_table::side_of("pan_and_scan_min_crop_size", *side, *side);
  }
  if (const Json* most = find(table, "pan_and_scan_max_num_crops")) {
    crops.most_crops = processor_table::side_of("pan_and_scan_max_num_crops", *most, *most);
  }
  if (const Json* ratio = find(table, "pan_and_scan_min_ratio_to_activate")) {
    if (!ratio->is_number() || !(ratio->get<double>() > 0)) {
      processor_table::refuse(
          "pan_and_scan_min_ratio_to_activate", *ratio, "a number above 0 is accepted");
    }
    crops.least_ratio = ratio->get<double>();
  }
  config.crops = crops;
}

/// Crops side by side along a picture's longer side; 0: none.
std::uint32_t crops_along(std::uint32_t longer, std::uint32_t shorter, const PanAndScan& crops) {
  const double ratio = static_cast<double>(longer) / shorter;
  if (ratio < crops.least_ratio) {
    return 0;
  }
  const auto rounded = static_cast<std::uint32_t>(std::floor(ratio + 0.5));
  const std::uint32_t count =
      std::min(crops.most_crops, std::max(2U, std::min(longer / crops.least_side, rounded)));
  const std::uint32_t side = (longer + count - 1) / count;
  // The last of too many would be empty, which the reference cannot resize.
  const bool empty = std::uint64_t{count - 1} * side >= longer;
  return empty || std::min(side, shorter) < crops.least_side ? 0 : count;
}

/// Sides of the crops but the last of a row or column, which may be smaller.
struct CropSides {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
};

CropSides crop_sides(std::uint32_t width, std::uint32_t height, const SiglipTiles& tiles) {
  return {(width + tiles.cols - 1) / tiles.cols, (height + tiles.rows - 1) / tiles.rows};
}

Image crop(const Image& image, std::uint32_t left, std::uint32_t top, CropSides sides) {
  const std::uint32_t width = std::min(sides.width, image.width - left);
  const std::uint32_t height = std::min(sides.height, image.height - top);
  Image part{width, height, std::vector<std::uint8_t>(std::size_t{width} * height * 3)};
  for (std::uint32_t y = 0; y < height; ++y) {
    const auto* row = image.rgb.data() + (std::size_t{top + y} * image.width + left) * 3;
    std::copy(row, row + std::size_t{width} * 3, part.rgb.data() + std::size_t{y} * width * 3);
  }
  return part;
}

std::uint64_t resize_bytes(std::uint32_t width,
                           std::uint32_t height,
                           const SiglipProcessorConfig& config) {
  return images::resize_bytes(width, height, config.width, config.height, config.pass_order);
}

}  // namespace

SiglipProcessorConfig SiglipProcessorConfig::from_json(const Json& preprocessor, bool gemma3) {
  SiglipProcessorConfig config;
  if (gemma3) {
    config.resample = images::Filter::kBilinear;
    read_crops(preprocessor, config);
  }
  bool resized = true;
  processor_table::read_flag(preprocessor, "do_resize", resized);
  if (!resized) {
    processor_table::refuse("do_resize", false, "only true is accepted");
  }
  if (const Json* size = find(preprocessor, "size")) {
    read_size(*size, config);
  }
  processor_table::read_resize(preprocessor, config.resample, config.pass_order);
  processor_table::read_pixels(preprocessor, config.pixels);
  return config;
}

SiglipTiles siglip_tiles(std::uint32_t width,
                         std::uint32_t height,
                         const SiglipProcessorConfig& config,
                         std::uint32_t most) {
  SiglipTiles tiles;
  std::uint64_t transient = resize_bytes(width, height, config);
  if (config.crops && (most == 0 || most > 2)) {
    PanAndScan crops = *config.crops;
    crops.most_crops = most == 0 ? crops.most_crops : std::min(crops.most_crops, most - 1);
    const bool lying = width >= height;
    const std::uint32_t count =
        lying ? crops_along(width, height, crops) : crops_along(height, width, crops);
    if (count > 0) {
      tiles.rows = lying ? 1 : count;
      tiles.cols = lying ? count : 1;
      tiles.tiles += count;
      const CropSides sides = crop_sides(width, height, tiles);
      transient = std::max(transient,
                           std::uint64_t{sides.width} * sides.height * 3 +
                               resize_bytes(sides.width, sides.height, config));
    }
  }
  tiles.pixel_bytes = std::uint64_t{tiles.tiles} * 3 * config.width * config.height * sizeof(float);
  tiles.transient_bytes = tiles.pixel_bytes + transient;
  return tiles;
}

std::vector<float> process_siglip(const Image& image,
                                  const SiglipProcessorConfig& config,
                                  std::uint32_t most) {
  const SiglipTiles tiles = siglip_tiles(image.width, image.height, config, most);
  const Levels levels = levels_of(config.pixels);
  const std::size_t size = std::size_t{3} * config.width * config.height;
  std::vector<float> pixels(tiles.tiles * size);
  float* planes = pixels.data();
  const auto write = [&](const Image& part) {
    const Image sized =
        images::resize(part, config.width, config.height, config.resample, config.pass_order);
    write_planes(sized, 0, 0, config.width, config.height, levels, planes);
    planes += size;
  };
  write(image);
  for (std::uint32_t row = 0; row < tiles.rows; ++row) {
    for (std::uint32_t col = 0; col < tiles.cols; ++col) {
      const CropSides sides = crop_sides(image.width, image.height, tiles);
      write(crop(image, col * sides.width, row * sides.height, sides));
    }
  }
  return pixels;
}

}  // namespace headroom::models
