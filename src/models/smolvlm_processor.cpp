#include "models/smolvlm_processor.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/errors.h"
#include "models/prompt_places.h"

namespace headroom::models {
namespace {

using images::Image;

constexpr std::uint64_t kChannels = 3;
/// MAX_IMAGE_SIZE of the reference: no picture is enlarged beyond it before it is cut.
constexpr std::uint64_t kLargestResizedSide = 4096;
constexpr double kMostCanvasPixels = 2147483648.0;  // 2^31

struct Sides {
  std::uint64_t width = 0;
  std::uint64_t height = 0;
};

/// Python's int(): towards zero. The reference's quotients are doubles, and so are ours.
std::uint64_t whole(double value) { return static_cast<std::uint64_t>(value); }

double aspect_of(Sides sides) {
  return static_cast<double>(sides.width) / static_cast<double>(sides.height);
}

/// Longest side exactly `longest`, the other even and at least 1.
Sides scaled_to(Sides sides, std::uint64_t longest) {
  const double aspect = aspect_of(sides);
  const auto even = [](std::uint64_t side) { return side + side % 2; };
  if (sides.width >= sides.height) {
    sides = {longest, even(whole(static_cast<double>(longest) / aspect))};
  } else {
    sides = {even(whole(static_cast<double>(longest) * aspect)), longest};
  }
  return {std::max<std::uint64_t>(sides.width, 1), std::max<std::uint64_t>(sides.height, 1)};
}

Sides bounded_by(Sides sides, std::uint64_t most) {
  const double aspect = aspect_of(sides);
  if (sides.width >= sides.height && sides.width > most) {
    sides = {most, whole(static_cast<double>(most) / aspect)};
  } else if (sides.height > sides.width && sides.height > most) {
    sides = {whole(static_cast<double>(most) * aspect), most};
  }
  return {std::max<std::uint64_t>(sides.width, 1), std::max<std::uint64_t>(sides.height, 1)};
}

std::uint64_t rounded_up(std::uint64_t value, std::uint64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

/// Both sides multiples of the tile's, the shorter from the aspect after the longer is rounded.
Sides in_tiles(Sides sides, std::uint64_t tile) {
  const double aspect = aspect_of(sides);
  if (sides.width >= sides.height) {
    sides.width = rounded_up(sides.width, tile);
    sides.height = rounded_up(whole(static_cast<double>(sides.width) / aspect), tile);
  } else {
    sides.height = rounded_up(sides.height, tile);
    sides.width = rounded_up(whole(static_cast<double>(sides.height) * aspect), tile);
  }
  return sides;
}

std::uint64_t peak_bytes(std::uint32_t width,
                         std::uint32_t height,
                         const TilePlan& plan,
                         images::PassOrder order) {
  const std::uint64_t resized = std::uint64_t{plan.resized_width} * plan.resized_height * kChannels;
  const std::uint64_t canvas = std::uint64_t{plan.canvas_width} * plan.canvas_height * kChannels;
  const std::uint64_t to_resized =
      images::resize_bytes(width, height, plan.resized_width, plan.resized_height, order);
  const std::uint64_t to_canvas = images::resize_bytes(
      plan.resized_width, plan.resized_height, plan.canvas_width, plan.canvas_height, order);
  const std::uint64_t to_tile = images::resize_bytes(
      plan.canvas_width, plan.canvas_height, plan.tile_side, plan.tile_side, order);
  return std::max({to_resized, resized + to_canvas, canvas + to_tile + plan.pixel_bytes});
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string result;
  result.reserve(text.size() * times);
  for (std::size_t i = 0; i < times; ++i) {
    result += text;
  }
  return result;
}

}  // namespace

TilePlan tiles_for(std::uint32_t width,
                   std::uint32_t height,
                   const SmolVlmProcessorConfig& config) {
  const Sides source{width, height};
  Sides resized = source;
  if (config.do_resize) {
    resized = config.size.longest_edge
                  ? bounded_by(scaled_to(source, *config.size.longest_edge), kLargestResizedSide)
                  : Sides{config.size.width, config.size.height};
  }
  const std::uint64_t tile = config.tile_side;
  const Sides canvas = config.do_image_splitting ? in_tiles(resized, tile) : Sides{tile, tile};
  const double pixels = static_cast<double>(canvas.width) * static_cast<double>(canvas.height);
  if (pixels > kMostCanvasPixels) {
    throw InputError("E-IMG-ASPECT",
                     fmt::format("a picture of {} x {} pixels becomes {} x {} in tiles of {}, more "
                                 "than 2^31 pixels",
                                 width,
                                 height,
                                 canvas.width,
                                 canvas.height,
                                 tile));
  }
  TilePlan plan;
  if (canvas.width > tile || canvas.height > tile) {
    plan.rows = static_cast<std::uint32_t>(canvas.height / tile);
    plan.cols = static_cast<std::uint32_t>(canvas.width / tile);
  }
  plan.tiles = plan.rows * plan.cols + 1;
  plan.tile_side = config.tile_side;
  plan.image_tokens = std::uint64_t{plan.tiles} * config.image_seq_len;
  plan.resized_width = static_cast<std::uint32_t>(resized.width);
  plan.resized_height = static_cast<std::uint32_t>(resized.height);
  plan.canvas_width = static_cast<std::uint32_t>(canvas.width);
  plan.canvas_height = static_cast<std::uint32_t>(canvas.height);
  plan.pixel_bytes = plan.tiles * kChannels * tile * tile * sizeof(float);
  plan.transient_bytes = peak_bytes(width, height, plan, config.pass_order);
  return plan;
}

SmolVlmProcessorConfig within_tiles(const SmolVlmProcessorConfig& config,
                                    std::uint32_t width,
                                    std::uint32_t height,
                                    std::uint32_t most) {
  const TilePlan whole = tiles_for(width, height, config);
  if (most == 0 || whole.tiles <= most) {
    return config;
  }
  SmolVlmProcessorConfig smaller = config;
  smaller.do_resize = true;
  // A grid of n by m tiles has n * m + 1, so no side of one that fits has as many as `most`.
  std::uint32_t side = std::min(std::max(whole.rows, whole.cols), std::max(most, 2U)) - 1;
  for (; side > 0; --side) {
    smaller.size = {.longest_edge = side * config.tile_side};
    if (tiles_for(width, height, smaller).tiles <= most) {
      return smaller;
    }
  }
  smaller.do_image_splitting = false;
  return smaller;
}

ProcessedPicture process(const Image& image, const SmolVlmProcessorConfig& config) {
  const TilePlan plan = tiles_for(image.width, image.height, config);
  const auto resized_to = [&config](const Image& from, std::uint32_t width, std::uint32_t height) {
    return images::resize(from, width, height, config.resample, config.pass_order);
  };
  Image canvas = resized_to(image, plan.resized_width, plan.resized_height);
  canvas = resized_to(canvas, plan.canvas_width, plan.canvas_height);
  const Levels levels = levels_of(config.pixels);
  const std::size_t side = plan.tile_side;
  const std::size_t tile_values = kChannels * side * side;
  ProcessedPicture picture;
  picture.tiles = plan.tiles;
  picture.rows = plan.rows;
  picture.cols = plan.cols;
  picture.tile_height = plan.tile_side;
  picture.tile_width = plan.tile_side;
  picture.pixels.resize(plan.tiles * tile_values);
  float* planes = picture.pixels.data();
  for (std::size_t row = 0; row < plan.rows; ++row) {
    for (std::size_t col = 0; col < plan.cols; ++col, planes += tile_values) {
      write_planes(canvas, col * side, row * side, side, side, levels, planes);
    }
  }
  const Image overview = resized_to(canvas, plan.tile_side, plan.tile_side);
  write_planes(overview, 0, 0, side, side, levels, planes);
  return picture;
}

std::string image_token_string(std::uint32_t rows,
                               std::uint32_t cols,
                               std::uint32_t image_seq_len,
                               const ImageTokens& tokens) {
  const std::string places = repeated(tokens.image, image_seq_len);
  std::string text;
  for (std::uint32_t row = 1; row <= rows; ++row) {
    for (std::uint32_t col = 1; col <= cols; ++col) {
      text += fmt::format("{}<row_{}_col_{}>{}", tokens.fake, row, col, places);
    }
    text += '\n';
  }
  if (rows > 0 || cols > 0) {
    text += '\n';
  }
  return text + tokens.fake + tokens.global + places + tokens.fake;
}

std::string expand_image_tokens(std::string_view prompt,
                                std::span<const TilePlan> pictures,
                                const SmolVlmProcessorConfig& config) {
  std::vector<std::string> texts;
  for (const TilePlan& plan : pictures) {
    texts.push_back(image_token_string(plan.rows, plan.cols, config.image_seq_len, config.tokens));
  }
  return fill_places(prompt, config.tokens.image, texts);
}

}  // namespace headroom::models
