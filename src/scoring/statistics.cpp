#include "scoring/statistics.h"

#include <algorithm>
#include <cmath>

namespace headroom::scoring {

namespace {

/// Adds error and interval to a mean. `variance`: of the mean, with its small-sample factor.
void set_interval(Estimate& estimate, double variance, double confidence) {
  const double error = std::sqrt(variance);
  const double reach = student_t(estimate.clusters - 1, confidence) * error;
  estimate.standard_error = error;
  estimate.interval = Interval{estimate.mean - reach, estimate.mean + reach};
}

Interval clamped(Interval interval, double low, double high) {
  return {std::clamp(interval.low, low, high), std::clamp(interval.high, low, high)};
}

}  // namespace

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
  set_interval(result, clusters / (clusters - 1) * squares / (n * n), confidence);
  return result;
}

Interval within_unit(Interval interval) { return clamped(interval, 0, 1); }

Interval within_difference(Interval interval) { return clamped(interval, -1, 1); }

}  // namespace headroom::scoring
