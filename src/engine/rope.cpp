#include "engine/rope.h"

#include <cmath>

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
      break;
  }
  return frequency;
}

}  // namespace

Rope::Rope(const RopeConfig& config) : config_(config) {
  for (int i = 0; i < config.dim / 2; ++i) {
    // In float32 step by step, as the reference computes it.
    const float frequency =
        1.0F / std::pow(config.theta, static_cast<float>(2 * i) / static_cast<float>(config.dim));
    frequencies_.push_back(scaled(frequency, config));
  }
}

mx::array Rope::wavelengths() const {
  std::vector<float> lengths;
  for (const float frequency : frequencies_) {
    lengths.push_back(1.0F / frequency);
  }
  return mx::array(lengths.data(), {static_cast<int>(lengths.size())}, mx::float32);
}

std::shared_ptr<const Rope::Table> Rope::table(int positions) const {
  if (positions <= positions_) {
    return table_;
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
      const float angle = static_cast<float>(position) * frequencies_[static_cast<std::size_t>(i)];
      float* entry = table->data() + static_cast<std::ptrdiff_t>(position) * dim;
      entry[i] = std::cos(angle);
      entry[half + i] = std::sin(angle);
    }
  }
  table_ = std::move(table);
  positions_ = size;
  return table_;
}

}  // namespace headroom::engine
