#include "models/qwen_vl_processor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/errors.h"
#include "processor_table.h"

namespace headroom::models {
namespace {

using processor_table::find;

constexpr std::uint64_t kMostPixels = 1ULL << 32U;
constexpr std::uint32_t kMostAspect = 200;

std::uint64_t pixels_of(const char* key, const Json& whole, const Json& value) {
  if (!value.is_number_integer() || value < 1 || value > kMostPixels) {
    processor_table::refuse(key, whole, "a number of pixels from 1 is accepted");
  }
  return value.get<std::uint64_t>();
}

/// "size" with its two edges, each of which may be said, and is then overruled, by its own key.
void read_limits(const Json& table, QwenVlProcessorConfig& config) {
  const Json* size = find(table, "size");
  const auto limit = [&](const char* edge, const char* own, std::uint64_t& pixels) {
    if (const Json* value = find(table, own)) {
      pixels = pixels_of(own, *value, *value);
    } else if (size != nullptr) {
      const Json* inner = size->is_object() ? find(*size, edge) : nullptr;
      if (inner == nullptr) {
        processor_table::refuse(
            "size",
            *size,
            "\"shortest_edge\" and \"longest_edge\", numbers of pixels, are accepted");
      }
      pixels = pixels_of("size", *size, *inner);
    }
  };
  limit("shortest_edge", "min_pixels", config.min_pixels);
  limit("longest_edge", "max_pixels", config.max_pixels);
}

void read_side(const Json& table, const char* key, std::uint32_t most, std::uint32_t& side) {
  if (const Json* value = find(table, key)) {
    side = processor_table::side_of(key, *value, *value);
    if (side > most) {
      processor_table::refuse(key, *value, fmt::format("at most {} is accepted", most));
    }
  }
}

/// Python's round: halves to even.
std::uint64_t rounded(double value) { return static_cast<std::uint64_t>(std::nearbyint(value)); }

images::Sides resized_sides(std::uint32_t width,
                            std::uint32_t height,
                            const QwenVlProcessorConfig& config) {
  const std::uint32_t longer = std::max(width, height);
  const std::uint32_t shorter = std::min(width, height);
  if (longer > std::uint64_t{kMostAspect} * shorter) {
    throw InputError("E-IMG-ASPECT",
                     fmt::format("a picture of {} x {} pixels: the model's processor takes none "
                                 "with a side more than {} times the other; cut it",
                                 width,
                                 height,
                                 kMostAspect));
  }
  const double factor = config.factor();
  std::uint64_t rows = rounded(height / factor);
  std::uint64_t cols = rounded(width / factor);
  const std::uint64_t unit = std::uint64_t{config.factor()} * config.factor();
  const double area = static_cast<double>(height) * width;
  if (rows * cols * unit > config.max_pixels) {
    const double shrink = std::sqrt(area / static_cast<double>(config.max_pixels));
    rows = std::max<std::uint64_t>(
        1, static_cast<std::uint64_t>(std::floor(height / shrink / factor)));
    cols =
        std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::floor(width / shrink / factor)));
  } else if (rows * cols * unit < config.min_pixels) {
    const double grow = std::sqrt(static_cast<double>(config.min_pixels) / area);
    rows = static_cast<std::uint64_t>(std::ceil(height * grow / factor));
    cols = static_cast<std::uint64_t>(std::ceil(width * grow / factor));
  }
  return {static_cast<std::uint32_t>(cols * config.factor()),
          static_cast<std::uint32_t>(rows * config.factor())};
}

images::Sides sides_of(std::uint32_t width,
                       std::uint32_t height,
                       const QwenVlProcessorConfig& config) {
  if (config.do_resize) {
    return resized_sides(width, height, config);
  }
  if (width % config.factor() != 0 || height % config.factor() != 0) {
    throw InputError("E-IMG-SIZE",
                     fmt::format("a picture of {} x {} pixels: preprocessor_config.json has it not "
                                 "resized (\"do_resize\"), and the {} pixels of a feature do not "
                                 "divide its sides",
                                 width,
                                 height,
                                 config.factor()));
  }
  return {width, height};
}

}  // namespace

QwenVlProcessorConfig QwenVlProcessorConfig::from_json(const Json& preprocessor,
                                                       const Json& processor,
                                                       const Json& tokenizer) {
  QwenVlProcessorConfig config;
  processor_table::read_flag(preprocessor, "do_resize", config.do_resize);
  read_limits(preprocessor, config);
  read_side(preprocessor, "patch_size", 1024, config.patch_size);
  read_side(preprocessor, "temporal_patch_size", 64, config.frames);
  read_side(preprocessor, "merge_size", 64, config.merge);
  processor_table::read_resize(preprocessor, config.resample, config.pass_order);
  processor_table::read_pixels(preprocessor, config.pixels);
  for (const char* place : {"extra_special_tokens", "model_specific_special_tokens", ""}) {
    const Json* table = *place == '\0' ? &tokenizer : find(tokenizer, place);
    if (table != nullptr && table->is_object()) {
      processor_table::read_token(*table, "image_token", config.image_token);
    }
  }
  processor_table::read_token(processor, "image_token", config.image_token);
  return config;
}

std::optional<QwenVlProcessorConfig> QwenVlProcessorConfig::load(
    const std::filesystem::path& folder) {
  const auto files = processor_table::Files::load(folder);
  if (!files) {
    return std::nullopt;
  }
  try {
    return from_json(files->pictures(), files->processor, files->tokenizer);
  } catch (const UsageError& error) {
    files->rethrow(folder, error);
  }
}

QwenGrid qwen_grid(std::uint32_t width, std::uint32_t height, const QwenVlProcessorConfig& config) {
  const images::Sides sides = sides_of(width, height, config);
  QwenGrid grid;
  grid.rows = sides.height / config.patch_size;
  grid.cols = sides.width / config.patch_size;
  grid.pixel_bytes = std::uint64_t{sides.width} * sides.height * 3 * sizeof(float);
  grid.transient_bytes =
      grid.pixel_bytes +
      images::resize_bytes(width, height, sides.width, sides.height, config.pass_order);
  return grid;
}

std::vector<float> qwen_patches(const images::Image& image, const QwenVlProcessorConfig& config) {
  const images::Sides sides = sides_of(image.width, image.height, config);
  const images::Image sized =
      images::resize(image, sides.width, sides.height, config.resample, config.pass_order);
  const Levels levels = levels_of(config.pixels);
  const std::size_t side = config.patch_size;
  const std::size_t numbers = 3 * side * side;
  std::vector<float> patches(std::size_t{sides.width} * sides.height * 3);
  float* to = patches.data();
  for (std::size_t top = 0; top < sides.height; top += config.factor()) {
    for (std::size_t left = 0; left < sides.width; left += config.factor()) {
      for (std::size_t inner = 0; inner < std::size_t{config.merge} * config.merge; ++inner) {
        write_planes(sized,
                     left + inner % config.merge * side,
                     top + inner / config.merge * side,
                     side,
                     side,
                     levels,
                     to);
        to += numbers;
      }
    }
  }
  return patches;
}

}  // namespace headroom::models
