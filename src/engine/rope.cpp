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

/// Which of a token's positions each frequency turns by; empty without sections.
std::vector<std::uint8_t> position_rows(const RopeConfig& config) {
  const auto& sections = config.sections;
  if (sections == std::array<int, 3>{0, 0, 0}) {
    return {};
  }
  std::vector<std::uint8_t> rows;
  for (int i = 0; i < config.dim / 2; ++i) {
    int row = 0;
    if (config.interleaved) {
      row = i < 3 * sections[static_cast<std::size_t>(i % 3)] ? i % 3 : 0;
    } else {
      row = i < sections[0] ? 0 : i < sections[0] + sections[1] ? 1 : 2;
    }
    rows.push_back(static_cast<std::uint8_t>(row));
  }
  return rows;
}

}  // namespace

Rope::Rope(const RopeConfig& config) : config_(config), rows_(position_rows(config)) {
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

std::shared_ptr<const Rope::Table> Rope::angles(const Pass& pass) const {
  if (rows_.empty() || !pass.has_positions()) {
    return nullptr;
  }
  if (pass.angles != nullptr) {
    return pass.angles;
  }
  int positions = pass.reach();
  for (const PromptToken& token : pass.tokens) {
    positions =
        std::max(positions, *std::max_element(token.position.begin(), token.position.end()) + 1);
  }
  const auto every = table(positions);
  const auto dim = static_cast<std::size_t>(config_.dim);
  auto angles = std::make_shared<Table>();
  angles->reserve(pass.tokens.size() * dim);
  std::size_t packed = 0;
  for (const Segment& segment : pass.segments) {
    for (int i = 0; i < segment.count; ++i, ++packed) {
      const auto& position = pass.tokens[packed].position;
      const int index = pass.prefix + segment.cached + i;
      for (std::size_t at = 0; at < dim; ++at) {
        const std::int32_t row = position[rows_[at % rows_.size()]];
        const auto place = static_cast<std::size_t>(row < 0 ? index : row);
        angles->push_back((*every)[place * dim + at]);
      }
    }
  }
  pass.angles = std::move(angles);
  return pass.angles;
}

}  // namespace headroom::engine
