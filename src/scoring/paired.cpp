#include "scoring/paired.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace headroom::scoring {

namespace {

/// Quantiles of the normal distribution at 0.975 and 0.8.
constexpr double kTwoSided5Percent = 1.959963984540054;
constexpr double kPower80Percent = 0.8416212335729143;
/// What sums of tenths leave of no difference.
constexpr double kNoDifference = 1e-12;

}  // namespace

std::optional<double> PairedResult::deviation() const {
  if (!difference.standard_error) {
    return std::nullopt;
  }
  return *difference.standard_error * std::sqrt(static_cast<double>(difference.count));
}

void PairedComparison::add(
    double first, bool first_right, double second, bool second_right, std::string_view cluster) {
  difference_.add(first - second, cluster);
  if (first_right) {
    ++(second_right ? counts_.both : counts_.only_first);
  } else {
    ++(second_right ? counts_.only_second : counts_.neither);
  }
}

std::optional<PairedResult> PairedComparison::result(double confidence) const {
  const std::optional<Estimate> difference = difference_.estimate(confidence);
  if (!difference) {
    return std::nullopt;
  }
  PairedResult result = counts_;
  result.difference = *difference;
  result.mcnemar = mcnemar_exact(result.only_first, result.only_second);
  if (!difference->standard_error) {
    return result;
  }
  const double error = *difference->standard_error;
  const double mean = std::fabs(difference->mean);
  if (error > 0) {
    result.p_value = student_t_beyond(mean / error, difference->clusters - 1);
  } else {
    result.p_value =
        mean <= kNoDifference ? 1.0 : std::exp2(1.0 - static_cast<double>(difference->clusters));
  }
  return result;
}

std::vector<double> holm_corrected(std::span<const double> p_values) {
  std::vector<std::size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return p_values[a] < p_values[b];
  });
  std::vector<double> corrected(p_values.size());
  double highest = 0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    const auto left = static_cast<double>(order.size() - rank);
    highest = std::max(highest, std::min(1.0, left * p_values[order[rank]]));
    corrected[order[rank]] = highest;
  }
  return corrected;
}

double mcnemar_exact(std::size_t a, std::size_t b) {
  const auto n = static_cast<double>(a + b);
  const double halves = n * std::log(2.0);
  double sum = 0;
  for (std::size_t i = 0; i <= std::min(a, b); ++i) {
    const auto k = static_cast<double>(i);
    sum += std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) - halves);
  }
  return std::min(1.0, 2 * sum);
}

std::optional<std::size_t> items_needed(double deviation, double delta) {
  if (deviation <= 0) {
    return std::nullopt;
  }
  const double ratio = (kTwoSided5Percent + kPower80Percent) * deviation / delta;
  return static_cast<std::size_t>(std::ceil(ratio * ratio));
}

}  // namespace headroom::scoring
