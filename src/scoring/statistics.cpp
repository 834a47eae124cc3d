#include "scoring/statistics.h"

#include <algorithm>
#include <cmath>

namespace headroom::scoring {

namespace {

/// What sums of tenths leave where nothing varies.
constexpr double kNoSpread = 1e-12;

/// Of a mean of clusters that all have this mean.
Interval without_spread(double mean, std::size_t clusters, Interval range, double confidence) {
  const double others = wilson(0, clusters, confidence).high;
  return {mean - others * (mean - range.low), mean + others * (range.high - mean)};
}

}  // namespace

Interval wilson(double share, std::size_t count, double confidence) {
  const auto n = static_cast<double>(count);
  const double z = normal_quantile(confidence);
  const double z2 = z * z;
  const double middle = share + z2 / (2 * n);
  const double reach = z * std::sqrt(share * (1 - share) / n + z2 / (4 * n * n));
  const double scale = 1 + z2 / n;
  return {std::max(0.0, (middle - reach) / scale), std::min(1.0, (middle + reach) / scale)};
}

void ClusteredMean::add(double value, std::string_view cluster) {
  const auto [place, is_new] = index_.try_emplace(std::string(cluster), sums_.size());
  if (is_new) {
    sums_.emplace_back();
  }
  Sum& sum = sums_[place->second];
  sum.value += value;
  ++sum.count;
  ++count_;
}

std::optional<Estimate> ClusteredMean::estimate(double confidence) const {
  if (count_ == 0) {
    return std::nullopt;
  }
  const auto n = static_cast<double>(count_);
  Estimate result{count_, sums_.size(), 0, std::nullopt, std::nullopt};
  for (const Sum& sum : sums_) {
    result.mean += sum.value;
  }
  result.mean /= n;
  if (sums_.size() < 2) {
    return result;
  }
  double squares = 0;
  for (const Sum& sum : sums_) {
    const double deviation = sum.value - result.mean * static_cast<double>(sum.count);
    squares += deviation * deviation;
  }
  const auto clusters = static_cast<double>(sums_.size());
  const double error = std::sqrt(clusters / (clusters - 1) * squares) / n;
  if (error <= kNoSpread) {
    result.standard_error = 0;
    result.interval = without_spread(result.mean, sums_.size(), range_, confidence);
    return result;
  }
  const double reach = student_t(result.clusters - 1, confidence) * error;
  result.standard_error = error;
  result.interval = Interval{std::clamp(result.mean - reach, range_.low, range_.high),
                             std::clamp(result.mean + reach, range_.low, range_.high)};
  return result;
}

}  // namespace headroom::scoring
