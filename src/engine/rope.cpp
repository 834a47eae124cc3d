#include "engine/rope.h"

#include <algorithm>
#include <cmath>

#include "engine/pass.h"

namespace headroom::engine {
namespace {

constexpr float kTurn = 6.283185307179586F;

/// Long wavelengths are stretched by the factor, short ones stay, those between are blended.
float llama3(float frequency, const RopeConfig& config) {
  const auto context = static_cast<float>(config.original_context);
  const float wavelength = kTurn / frequency;
  if (wavelength < context / config.high_freq_factor) {
    return frequency;
  }
  if (wavelength > context / config.low_freq_factor) {
    return frequency / config.factor;
  }
  const float smooth = (context / wavelength - config.low_freq_factor) /
                       (config.high_freq_factor - config.low_freq_factor);
  return (1.0F - smooth) * frequency / config.factor + smooth * frequency;
}

float scaled(float frequency, const RopeConfig& config) {
  switch (config.kind) {
    case RopeKind::kLinear:
      return frequency / config.factor;
    case RopeKind::kLlama3:
      return llama3(frequency, config);
    case RopeKind::kDefault:
    case RopeKind::kLongRope:
      break;
  }
  return frequency;
}

/// In float32 step by step, as the reference computes it.
std::vector<float> divided_frequencies(const RopeConfig& config,
                                       const std::vector<float>& factors) {
  std::vector<float> frequencies;
  for (int i = 0; i < config.dim / 2; ++i) {
    const float power =
        std::pow(config.theta, static_cast<float>(2 * i) / static_cast<float>(config.dim));
    frequencies.push_back(1.0F / (factors.at(static_cast<std::size_t>(i)) * power));
  }
  return frequencies;
}

}  // namespace

Rope::Rope(const RopeConfig& config) : config_(config) {
  if (config.kind == RopeKind::kLongRope) {
    usual_.frequencies = divided_frequencies(config, config.short_factors);
    long_.frequencies = divided_frequencies(config, config.long_factors);
    return;
  }
  for (int i = 0; i < config.dim / 2; ++i) {
    // In float32 step by step, as the reference computes it.
    const float frequency =
        1.0F / std::pow(config.theta, static_cast<float>(2 * i) / static_cast<float>(config.dim));
    usual_.frequencies.push_back(scaled(frequency, config));
  }
}

std::vector<char> Rope::long_tokens(const Pass& pass) const {
  std::vector<char> is_long;
  if (config_.kind != RopeKind::kLongRope) {
    return is_long;
  }
  for (const Segment& segment : pass.segments) {
    for (int i = 0; i < segment.count; ++i) {
      const std::size_t packed = is_long.size();
      const bool in_long = packed < pass.tokens.size() && pass.tokens[packed].long_prompt;
      const int position = pass.prefix + segment.cached + i;
      is_long.push_back(in_long || position >= config_.original_context ? 1 : 0);
    }
  }
  if (std::find(is_long.begin(), is_long.end(), 1) == is_long.end()) {
    is_long.clear();
  }
  return is_long;
}

mx::array Rope::wavelengths(bool is_long) const {
  std::vector<float> lengths;
  for (const float frequency : set(is_long).frequencies) {
    lengths.push_back(1.0F / frequency);
  }
  return mx::array(lengths.data(), {static_cast<int>(lengths.size())}, mx::float32);
}

std::shared_ptr<const Rope::Table> Rope::table(int positions, bool is_long) const {
  const Set& one = set(is_long);
  if (positions <= one.positions) {
    return one.table;
  }
  int size = 64;
  while (size < positions) {
    size *= 2;
  }
  const int dim = config_.dim;
  const int half = dim / 2;
  auto table =
      std::make_shared<Table>(static_cast<std::size_t>(size) * static_cast<std::size_t>(dim));
  for (int i = 0; i < half; ++i) {
    for (int position = 0; position < size; ++position) {
      const float angle =
          static_cast<float>(position) * one.frequencies[static_cast<std::size_t>(i)];
      float* entry = table->data() + static_cast<std::ptrdiff_t>(position) * dim;
      entry[i] = std::cos(angle) * config_.amplitude;
      entry[half + i] = std::sin(angle) * config_.amplitude;
    }
  }
  one.table = std::move(table);
  one.positions = size;
  return one.table;
}

}  // namespace headroom::engine
