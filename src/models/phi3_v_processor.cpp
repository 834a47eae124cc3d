#include "models/phi3_v_processor.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/errors.h"
#include "processor_table.h"

namespace headroom::models {
namespace {

using images::Image;
using images::Sides;

/// Rows become columns.
Image turned(const Image& image) {
  Image result{image.height, image.width, std::vector<std::uint8_t>(image.rgb.size())};
  for (std::size_t y = 0; y < image.height; ++y) {
    for (std::size_t x = 0; x < image.width; ++x) {
      const auto* from = image.rgb.data() + (y * image.width + x) * 3;
      std::copy(from, from + 3, result.rgb.data() + (x * image.height + y) * 3);
    }
  }
  return result;
}

/// The largest number of crops across whose rows still fit.
std::uint32_t crops_across(double aspect, std::uint32_t most) {
  std::uint32_t across = 1;
  while ((across + 1) * std::ceil((across + 1) / aspect) <= most) {
    ++across;
  }
  return across;
}

/// Weights of the four samples around a place between the inner two.
/// Source: PyTorch, aten/src/ATen/native/UpSample.h, get_cubic_upsample_coefficients.
std::array<float, 4> cubic_weights(float t) {
  constexpr float kA = -0.75F;
  const auto near = [](float x) { return ((kA + 2) * x - (kA + 3)) * x * x + 1; };
  const auto far = [](float x) { return ((kA * x - 5 * kA) * x + 8 * kA) * x - 4 * kA; };
  return {far(t + 1), near(t), near(1 - t), far(2 - t)};
}

/// Where one row or column of the reduced picture comes from.
struct Taps {
  std::array<std::size_t, 4> places{};
  std::array<float, 4> weights{};
};

/// Of `to` places among `from`, not smoothed.
std::vector<Taps> cubic_taps(std::uint32_t from, std::uint32_t to) {
  std::vector<Taps> taps(to);
  const float scale = static_cast<float>(from) / static_cast<float>(to);
  for (std::uint32_t i = 0; i < to; ++i) {
    const float place = scale * (static_cast<float>(i) + 0.5F) - 0.5F;
    const float whole = std::floor(place);
    taps[i].weights = cubic_weights(place - whole);
    for (int k = 0; k < 4; ++k) {
      const auto at =
          std::clamp<std::int64_t>(static_cast<std::int64_t>(whole) + k - 1, 0, from - 1);
      taps[i].places[static_cast<std::size_t>(k)] = static_cast<std::size_t>(at);
    }
  }
  return taps;
}

/// The whole picture as one crop: normalised numbers are interpolated, not samples.
void write_overview(const Image& canvas, std::uint32_t side, const Levels& levels, float* planes) {
  const std::vector<Taps> rows = cubic_taps(canvas.height, side);
  const std::vector<Taps> cols = cubic_taps(canvas.width, side);
  for (std::size_t channel = 0; channel < levels.size(); ++channel) {
    for (const Taps& row : rows) {
      for (const Taps& col : cols) {
        float sum = 0;
        for (std::size_t y = 0; y < 4; ++y) {
          const auto* line = canvas.rgb.data() + row.places[y] * canvas.width * 3 + channel;
          float across = 0;
          for (std::size_t x = 0; x < 4; ++x) {
            across += levels[channel][line[col.places[x] * 3]] * col.weights[x];
          }
          sum += across * row.weights[y];
        }
        *planes++ = sum;
      }
    }
  }
}

std::uint64_t rgb_bytes(Sides sides) { return std::uint64_t{sides.width} * sides.height * 3; }

}  // namespace

Phi3VProcessorConfig Phi3VProcessorConfig::from_json(const Json& preprocessor) {
  Phi3VProcessorConfig config;
  if (const Json* crops = processor_table::find(preprocessor, "num_crops")) {
    config.num_crops = processor_table::side_of("num_crops", *crops, *crops);
  }
  processor_table::read_pixels(preprocessor, config.pixels);
  return config;
}

std::optional<Phi3VProcessorConfig> Phi3VProcessorConfig::load(
    const std::filesystem::path& folder) {
  const auto files = processor_table::Files::load(folder);
  if (!files) {
    return std::nullopt;
  }
  try {
    return from_json(files->pictures());
  } catch (const UsageError& error) {
    files->rethrow(folder, error);
  }
}

Phi3VCrops phi3_v_crops(std::uint32_t width,
                        std::uint32_t height,
                        const Phi3VProcessorConfig& config,
                        std::uint32_t most) {
  const std::uint32_t crops =
      most == 0 ? config.num_crops : std::min(config.num_crops, std::max(most, 2U) - 1);
  Phi3VCrops plan;
  plan.upright = width < height;
  const double longer = std::max(width, height);
  const double aspect = longer / std::min(width, height);
  const std::uint32_t across = crops_across(aspect, crops);
  plan.resized.width = across * config.side;
  // A picture so long that it would vanish, which the reference cannot take, keeps one row.
  plan.resized.height = std::max(1U, static_cast<std::uint32_t>(plan.resized.width / aspect));
  const std::uint32_t down = (plan.resized.height + config.side - 1) / config.side;
  plan.padded = {plan.resized.width, down * config.side};
  plan.padding = (plan.padded.height - plan.resized.height) / 2;
  plan.rows = plan.upright ? across : down;
  plan.cols = plan.upright ? down : across;
  plan.pixel_bytes = std::uint64_t{plan.tiles()} * 3 * config.side * config.side * sizeof(float);
  const Sides lying = plan.upright ? Sides{height, width} : Sides{width, height};
  const std::uint64_t resize = images::resize_bytes(
      lying.width, lying.height, plan.resized.width, plan.resized.height, config.pass_order);
  const std::uint64_t turned_bytes = plan.upright ? rgb_bytes(lying) : 0;
  const std::uint64_t canvas = rgb_bytes(plan.padded);
  plan.transient_bytes = std::max({turned_bytes + resize,
                                   rgb_bytes(plan.resized) + canvas,
                                   canvas + (plan.upright ? canvas : 0),
                                   canvas + plan.pixel_bytes});
  return plan;
}

Image phi3_v_canvas(const Image& image,
                    const Phi3VCrops& crops,
                    const Phi3VProcessorConfig& config) {
  const auto resized = [&](const Image& lying) {
    return images::resize(lying,
                          crops.resized.width,
                          crops.resized.height,
                          images::Filter::kBilinear,
                          config.pass_order);
  };
  Image canvas{crops.padded.width, crops.padded.height, std::vector<std::uint8_t>()};
  {
    const Image inner = resized(crops.upright ? turned(image) : image);
    canvas.rgb.assign(rgb_bytes(crops.padded), 255);
    std::copy(
        inner.rgb.begin(),
        inner.rgb.end(),
        canvas.rgb.begin() + static_cast<std::ptrdiff_t>(crops.padding) * crops.padded.width * 3);
  }
  return crops.upright ? turned(canvas) : canvas;
}

std::vector<float> process_phi3_v(const Image& image,
                                  const Phi3VProcessorConfig& config,
                                  std::uint32_t most) {
  const Phi3VCrops crops = phi3_v_crops(image.width, image.height, config, most);
  const Image canvas = phi3_v_canvas(image, crops, config);
  const Levels levels = levels_of(config.pixels);
  const std::size_t side = config.side;
  const std::size_t size = 3 * side * side;
  std::vector<float> pixels(crops.tiles() * size);
  float* planes = pixels.data();
  write_overview(canvas, config.side, levels, planes);
  for (std::size_t row = 0; row < crops.rows; ++row) {
    for (std::size_t col = 0; col < crops.cols; ++col) {
      planes += size;
      write_planes(canvas, col * side, row * side, side, side, levels, planes);
    }
  }
  return pixels;
}

std::vector<std::string> cut_at_pictures(std::string_view prompt, std::size_t pictures) {
  constexpr std::string_view kBegin = "<|image_";
  constexpr std::string_view kEnd = "|>";
  std::vector<std::string> pieces;
  std::size_t done = 0;
  bool in_order = true;
  for (std::size_t at = prompt.find(kBegin); at != std::string_view::npos;
       at = prompt.find(kBegin, at + 1)) {
    const std::size_t digits = at + kBegin.size();
    const std::size_t end = prompt.find_first_not_of("0123456789", digits);
    if (end == digits || end == std::string_view::npos || !prompt.substr(end).starts_with(kEnd)) {
      continue;
    }
    pieces.emplace_back(prompt.substr(done, at - done));
    in_order = in_order && prompt.substr(digits, end - digits) == std::to_string(pieces.size());
    done = end + kEnd.size();
  }
  if (pieces.size() != pictures || !in_order) {
    throw InputError("E-PROMPT-IMAGES",
                     fmt::format("the prompt has {} places for pictures (<|image_1|>, …{}) and "
                                 "the item {} pictures; make them equal",
                                 pieces.size(),
                                 in_order ? "" : ", not in order",
                                 pictures));
  }
  pieces.emplace_back(prompt.substr(done));
  return pieces;
}

}  // namespace headroom::models
