#include "resize_filters.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace headroom::images {
namespace {

struct Kernel {
  double (*value)(double);
  double support;
};

double box(double x) { return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; }

double bilinear(double x) {
  x = std::fabs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

double hamming(double x) {
  x = std::fabs(x);
  if (x == 0.0) {
    return 1.0;
  }
  if (x >= 1.0) {
    return 0.0;
  }
  x *= std::numbers::pi;
  return std::sin(x) / x * (static_cast<double>(0.54F) + static_cast<double>(0.46F) * std::cos(x));
}

double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::fabs(x);
  if (x < 1.0) {
    return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  }
  return x < 2.0 ? (((x - 5) * x + 8) * x - 4) * a : 0.0;
}

double sinc(double x) {
  if (x == 0.0) {
    return 1.0;
  }
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

double lanczos(double x) { return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0; }

Kernel kernel_of(Filter filter) {
  switch (filter) {
    case Filter::kBox:
      return {box, 0.5};
    case Filter::kHamming:
      return {hamming, 1.0};
    case Filter::kBicubic:
      return {bicubic, 2.0};
    case Filter::kLanczos:
      return {lanczos, 3.0};
    default:
      return {bilinear, 1.0};
  }
}

/// With `bits` fractional bits, rounded half away from zero, at Pillow's place of the point.
std::int32_t to_fixed(double weight, unsigned bits) {
  const double scaled = weight * (1U << bits);
  const double shifted = weight < 0 ? scaled - 0.5 : scaled + 0.5;
  return static_cast<std::int32_t>(shifted) * (1 << (kWeightBits - bits));
}

/// The most fractional bits, up to Pillow's, with which the largest weight has 16 bits and a sign.
unsigned short_bits(double largest) {
  unsigned bits = 0;
  while (bits < kWeightBits && 0.5 + largest * (1U << (bits + 1)) < (1U << 15U)) {
    ++bits;
  }
  return bits;
}

}  // namespace

Weights weights_for(std::uint32_t source_size,
                    std::uint32_t target_size,
                    Filter filter,
                    bool short_weights) {
  const Kernel kernel = kernel_of(filter);
  const double scale = static_cast<double>(source_size) / target_size;
  const double filter_scale = std::max(scale, 1.0);
  const double support = kernel.support * filter_scale;
  const double step = 1.0 / filter_scale;
  Weights weights;
  weights.taps = static_cast<std::size_t>(std::ceil(support)) * 2 + 1;
  weights.spans.resize(target_size);
  weights.values.assign(weights.taps * target_size, 0);
  std::vector<double> exact(weights.taps * target_size);
  double largest = 0.0;
  for (std::uint32_t place = 0; place < target_size; ++place) {
    const double center = (place + 0.5) * scale;
    const auto first = static_cast<std::int64_t>(std::max(center - support + 0.5, 0.0));
    const double end = center + support + 0.5;  // cut, not rounded, as Pillow does
    const auto last = std::min<std::int64_t>(static_cast<std::int64_t>(end), source_size);
    const auto count = static_cast<std::size_t>(last - first);
    double sum = 0.0;
    double* own = exact.data() + place * weights.taps;
    for (std::size_t i = 0; i < count; ++i) {
      own[i] = kernel.value(
          (static_cast<double>(i + static_cast<std::size_t>(first)) - center + 0.5) * step);
      sum += own[i];
    }
    for (std::size_t i = 0; i < count; ++i) {
      own[i] = sum != 0.0 ? own[i] / sum : own[i];
      largest = std::max(largest, own[i]);
    }
    weights.spans[place] = {static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(count)};
  }
  const unsigned bits = short_weights ? short_bits(largest) : kWeightBits;
  std::transform(exact.begin(), exact.end(), weights.values.begin(), [bits](double weight) {
    return to_fixed(weight, bits);
  });
  return weights;
}

std::vector<std::uint32_t> nearest_places(std::uint32_t source_size, std::uint32_t target_size) {
  const double scale = static_cast<double>(source_size) / target_size;
  std::vector<std::uint32_t> places(target_size);
  double position = scale * 0.5;
  for (std::uint32_t& place : places) {
    place = std::min(static_cast<std::uint32_t>(position), source_size - 1);
    position += scale;  // summed, not multiplied: the rounding is part of the result
  }
  return places;
}

}  // namespace headroom::images
