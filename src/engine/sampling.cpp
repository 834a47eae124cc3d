#include "engine/sampling.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace headroom::engine {
namespace {

/// True if any is infinite or not a number: x * 0 is then NaN, and stays so in the sum.
bool any_not_finite(std::span<const float> values) {
  float sum = 0;
  for (const float value : values) {
    sum += value * 0.0F;
  }
  return std::isnan(sum);
}

void add_log_probs(std::span<const float> logits, std::uint32_t top, TokenChoice& choice) {
  const double largest = logits[static_cast<std::size_t>(choice.token)];
  double sum = 0;
  for (const float value : logits) {
    sum += std::exp(static_cast<double>(value) - largest);
  }
  const double normaliser = largest + std::log(sum);
  choice.log_prob = largest - normaliser;
  std::vector<std::int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  const auto count = static_cast<std::ptrdiff_t>(std::min<std::size_t>(top, order.size()));
  std::partial_sort(
      order.begin(), order.begin() + count, order.end(), [&](std::int32_t a, std::int32_t b) {
        const float x = logits[static_cast<std::size_t>(a)];
        const float y = logits[static_cast<std::size_t>(b)];
        return x != y ? x > y : a < b;
      });
  for (std::ptrdiff_t i = 0; i < count; ++i) {
    const std::int32_t token = order[static_cast<std::size_t>(i)];
    choice.top.emplace_back(token, logits[static_cast<std::size_t>(token)] - normaliser);
  }
}

}  // namespace

TokenChoice choose_greedy(std::span<const float> logits, std::uint32_t top) {
  if (any_not_finite(logits)) {
    throw ModelError("E-MODEL-NAN",
                     fmt::format("the model's {} logits are not all finite numbers; the weights or "
                                 "the engine are damaged, or the dtype is too narrow",
                                 logits.size()));
  }
  const auto best = std::max_element(logits.begin(), logits.end());
  if (*best == 0.0F && std::all_of(logits.begin(), logits.end(), [](float v) { return v == 0; })) {
    throw ModelError("E-MODEL-ZERO",
                     fmt::format("the model's {} logits are all zero; the weights are damaged or "
                                 "the engine ran out of memory",
                                 logits.size()));
  }
  TokenChoice choice;
  choice.token = static_cast<std::int32_t>(best - logits.begin());
  if (top > 0) {
    add_log_probs(logits, top, choice);
  }
  return choice;
}

}  // namespace headroom::engine
