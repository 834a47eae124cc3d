#include "images/resize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <utility>

#include "resize_filters.h"

namespace headroom::images {
namespace {

constexpr std::size_t kChannels = 3;
/// Rows that the horizontal pass works on at once, one vector lane each.
constexpr std::size_t kLanes = 16;
/// Neighbouring bytes of a row that the vertical pass works on at once.
constexpr std::size_t kStrip = 64;

std::uint8_t to_byte(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> kWeightBits, 0, 255));
}

constexpr std::int32_t kHalf = 1 << (kWeightBits - 1);

/// Horizontal pass over kLanes rows at once. `turned` holds them sample by sample:
/// turned[(x * 3 + channel) * kLanes + row]. `result`: the same for the target's samples.
[[gnu::always_inline]] inline void shrink_lanes(const std::uint8_t* turned,
                                                const Weights& weights,
                                                std::uint8_t* result) {
  for (std::size_t x = 0; x < weights.spans.size(); ++x) {
    const Weights::Span span = weights.spans[x];
    const std::int32_t* weight = weights.at(x);
    const std::uint8_t* from = turned + std::size_t{span.first} * kChannels * kLanes;
    std::array<std::int32_t, kChannels * kLanes> sums;
    sums.fill(kHalf);
    for (std::size_t i = 0; i < span.count; ++i, from += kChannels * kLanes) {
      const std::int32_t factor = weight[i];
      for (std::size_t lane = 0; lane < kChannels * kLanes; ++lane) {
        sums[lane] += from[lane] * factor;
      }
    }
    for (std::size_t lane = 0; lane < kChannels * kLanes; ++lane) {
      result[x * kChannels * kLanes + lane] = to_byte(sums[lane]);
    }
  }
}

/// One row of the vertical pass: `rows` points to the first source row, `stride` bytes apart.
[[gnu::always_inline]] inline void blend_rows(const std::uint8_t* rows,
                                              std::size_t stride,
                                              const std::int32_t* weight,
                                              std::size_t count,
                                              std::uint8_t* result) {
  std::size_t at = 0;
  for (; at + kStrip <= stride; at += kStrip) {
    std::array<std::int32_t, kStrip> sums;
    sums.fill(kHalf);
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint8_t* from = rows + i * stride + at;
      const std::int32_t factor = weight[i];
      for (std::size_t k = 0; k < kStrip; ++k) {
        sums[k] += from[k] * factor;
      }
    }
    for (std::size_t k = 0; k < kStrip; ++k) {
      result[at + k] = to_byte(sums[k]);
    }
  }
  for (; at < stride; ++at) {
    std::int32_t sum = kHalf;
    for (std::size_t i = 0; i < count; ++i) {
      sum += rows[i * stride + at] * weight[i];
    }
    result[at] = to_byte(sum);
  }
}

using ShrinkLanes = void (*)(const std::uint8_t*, const Weights&, std::uint8_t*);
using BlendRows =
    void (*)(const std::uint8_t*, std::size_t, const std::int32_t*, std::size_t, std::uint8_t*);

struct Loops {
  ShrinkLanes shrink_lanes;
  BlendRows blend_rows;
};

void shrink_lanes_plain(const std::uint8_t* turned, const Weights& weights, std::uint8_t* result) {
  shrink_lanes(turned, weights, result);
}

void blend_rows_plain(const std::uint8_t* rows,
                      std::size_t stride,
                      const std::int32_t* weight,
                      std::size_t count,
                      std::uint8_t* result) {
  blend_rows(rows, stride, weight, count, result);
}

#if defined(__x86_64__)
// The baseline of x86-64 cannot multiply 32-bit lanes; nearly every machine in use can.
[[gnu::target("avx2")]] void shrink_lanes_avx2(const std::uint8_t* turned,
                                               const Weights& weights,
                                               std::uint8_t* result) {
  shrink_lanes(turned, weights, result);
}

[[gnu::target("avx2")]] void blend_rows_avx2(const std::uint8_t* rows,
                                             std::size_t stride,
                                             const std::int32_t* weight,
                                             std::size_t count,
                                             std::uint8_t* result) {
  blend_rows(rows, stride, weight, count, result);
}

Loops loops_for_this_machine() {
  return __builtin_cpu_supports("avx2") != 0 ? Loops{shrink_lanes_avx2, blend_rows_avx2}
                                             : Loops{shrink_lanes_plain, blend_rows_plain};
}
#else
Loops loops_for_this_machine() { return {shrink_lanes_plain, blend_rows_plain}; }
#endif

/// `count` rows (up to kLanes), `stride` bytes apart, to samples of kLanes bytes.
void turn(const std::uint8_t* rows, std::size_t stride, std::size_t count, std::uint8_t* turned) {
  // Sample blocks small enough that source and target lines stay in the first cache.
  constexpr std::size_t kBlock = 64;
  for (std::size_t begin = 0; begin < stride; begin += kBlock) {
    const std::size_t end = std::min(begin + kBlock, stride);
    for (std::size_t row = 0; row < count; ++row) {
      const std::uint8_t* from = rows + row * stride;
      for (std::size_t sample = begin; sample < end; ++sample) {
        turned[sample * kLanes + row] = from[sample];
      }
    }
  }
}

void turn_back(const std::uint8_t* turned,
               std::size_t stride,
               std::size_t count,
               std::uint8_t* rows) {
  for (std::size_t row = 0; row < count; ++row) {
    for (std::size_t sample = 0; sample < stride; ++sample) {
      rows[row * stride + sample] = turned[sample * kLanes + row];
    }
  }
}

/// Rows `first` to `first + count` of the picture, brought to the width that the weights are for.
Image resize_across(const Image& image,
                    const Weights& weights,
                    std::uint32_t first,
                    std::uint32_t count,
                    const Loops& loops) {
  const auto width = static_cast<std::uint32_t>(weights.spans.size());
  const std::size_t from_stride = std::size_t{image.width} * kChannels;
  const std::size_t to_stride = std::size_t{width} * kChannels;
  Image result{width, count, std::vector<std::uint8_t>(to_stride * count)};
  std::vector<std::uint8_t> turned(from_stride * kLanes);
  std::vector<std::uint8_t> shrunk(to_stride * kLanes);
  for (std::size_t row = 0; row < count; row += kLanes) {
    const std::size_t rows = std::min(kLanes, count - row);
    turn(image.rgb.data() + (first + row) * from_stride, from_stride, rows, turned.data());
    loops.shrink_lanes(turned.data(), weights, shrunk.data());
    turn_back(shrunk.data(), to_stride, rows, result.rgb.data() + row * to_stride);
  }
  return result;
}

/// `image` begins at row `first` of the picture for which the weights were made.
Image resize_down(const Image& image,
                  const Weights& weights,
                  std::uint32_t first,
                  const Loops& loops) {
  const auto height = static_cast<std::uint32_t>(weights.spans.size());
  const std::size_t stride = std::size_t{image.width} * kChannels;
  Image result{image.width, height, std::vector<std::uint8_t>(stride * height)};
  for (std::size_t y = 0; y < height; ++y) {
    const Weights::Span span = weights.spans[y];
    loops.blend_rows(image.rgb.data() + (span.first - first) * stride,
                     stride,
                     weights.at(y),
                     span.count,
                     result.rgb.data() + y * stride);
  }
  return result;
}

Image resize_nearest(const Image& image, std::uint32_t width, std::uint32_t height) {
  const auto columns = nearest_places(image.width, width);
  const auto rows = nearest_places(image.height, height);
  Image result{width, height, std::vector<std::uint8_t>(std::size_t{width} * height * kChannels)};
  std::uint8_t* to = result.rgb.data();
  for (const std::uint32_t row : rows) {
    const std::uint8_t* from = image.rgb.data() + std::size_t{row} * image.width * kChannels;
    for (const std::uint32_t column : columns) {
      std::memcpy(to, from + std::size_t{column} * kChannels, kChannels);
      to += kChannels;
    }
  }
  return result;
}

bool down_first(std::uint32_t from_width,
                std::uint32_t from_height,
                std::uint32_t width,
                std::uint32_t height,
                PassOrder order) {
  if (height >= from_height || order == PassOrder::kTorchvision) {
    return false;
  }
  if (order == PassOrder::kPillow12) {
    return from_height > std::uint64_t{from_width} * 100;
  }
  const std::uint64_t lost_columns = from_width > width ? from_width - width : 0;
  return from_height - height > 2 * lost_columns;
}

}  // namespace

Image resize(
    const Image& image, std::uint32_t width, std::uint32_t height, Filter filter, PassOrder order) {
  if (image.width == width && image.height == height) {
    return image;
  }
  if (filter == Filter::kNearest) {
    return resize_nearest(image, width, height);
  }
  const Loops loops = loops_for_this_machine();
  const auto weights = [&](std::uint32_t from, std::uint32_t to) {
    return weights_for(from, to, filter, order == PassOrder::kTorchvision);
  };
  if (image.height == height) {
    return resize_across(image, weights(image.width, width), 0, height, loops);
  }
  const Weights down = weights(image.height, height);
  if (image.width == width) {
    return resize_down(image, down, 0, loops);
  }
  const Weights across = weights(image.width, width);
  if (down_first(image.width, image.height, width, height, order)) {
    return resize_across(resize_down(image, down, 0, loops), across, 0, height, loops);
  }
  // Only the rows that the vertical pass looks at are resampled.
  const std::uint32_t first = down.spans.front().first;
  const std::uint32_t end = down.spans.back().first + down.spans.back().count;
  return resize_down(resize_across(image, across, first, end - first, loops), down, first, loops);
}

std::uint64_t resize_bytes(std::uint32_t from_width,
                           std::uint32_t from_height,
                           std::uint32_t width,
                           std::uint32_t height,
                           PassOrder order) {
  const std::uint64_t result = std::uint64_t{width} * height;
  std::uint64_t between = 0;
  if (from_width != width && from_height != height) {
    between = down_first(from_width, from_height, width, height, order)
                  ? std::uint64_t{from_width} * height
                  : std::uint64_t{width} * from_height;
  }
  return (result + between) * kChannels;
}

Sides limited_sides(Sides sides, std::uint32_t max_side) {
  const std::uint32_t longest = std::max(sides.width, sides.height);
  if (max_side == 0 || longest <= max_side) {
    return sides;
  }
  const double scale = static_cast<double>(max_side) / longest;
  const auto side = [scale](std::uint32_t length) {
    return std::max<std::uint32_t>(1, static_cast<std::uint32_t>(std::lround(length * scale)));
  };
  return {side(sides.width), side(sides.height)};
}

Image limit_side(Image image, std::uint32_t max_side) {
  const Sides sides = limited_sides({image.width, image.height}, max_side);
  if (sides == Sides{image.width, image.height}) {
    return image;
  }
  return resize(image, sides.width, sides.height, Filter::kLanczos);
}

}  // namespace headroom::images
