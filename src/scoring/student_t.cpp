#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/errors.h"
#include "scoring/statistics.h"

namespace headroom::scoring {

namespace {

// From here on the expansion is closer to the truth than 1e-12; below, the exact series is short.
constexpr std::size_t kExpandFrom = 2000;

/// P(|T| <= t) by the finite series for whole degrees of freedom.
/// Source: Abramowitz and Stegun, 26.7.3 and 26.7.4.
double two_sided_probability(double t, std::size_t degrees) {
  const double theta = std::atan(t / std::sqrt(static_cast<double>(degrees)));
  const double cos2 = std::cos(theta) * std::cos(theta);
  if (degrees % 2 == 1) {
    double term = std::cos(theta);
    double sum = degrees > 1 ? term : 0;
    for (std::size_t k = 3; k + 2 <= degrees; k += 2) {
      term *= cos2 * static_cast<double>(k - 1) / static_cast<double>(k);
      sum += term;
    }
    return 2 / std::numbers::pi * (theta + std::sin(theta) * sum);
  }
  double term = 1;
  double sum = 1;
  for (std::size_t k = 2; k + 2 <= degrees; k += 2) {
    term *= cos2 * static_cast<double>(k - 1) / static_cast<double>(k);
    sum += term;
  }
  return std::sin(theta) * sum;
}

/// The t whose probability(t) is `confidence`, for an increasing function.
template <typename Probability>
double invert(double confidence, Probability probability) {
  double low = 0;
  double high = 1;
  while (probability(high) < confidence && high < 1e18) {
    low = high;
    high *= 2;
  }
  for (int step = 0; step < 200 && high - low > 1e-15 * high; ++step) {
    const double middle = low + (high - low) / 2;
    (probability(middle) < confidence ? low : high) = middle;
  }
  return low + (high - low) / 2;
}

/// The quantile from the normal one, for many degrees of freedom.
/// Source: Abramowitz and Stegun, 26.7.5.
double expanded(double z, double degrees) {
  const double z2 = z * z;
  const double g1 = z * (z2 + 1) / 4;
  const double g2 = z * ((5 * z2 + 16) * z2 + 3) / 96;
  const double g3 = z * (((3 * z2 + 19) * z2 + 17) * z2 - 15) / 384;
  const double g4 = z * ((((79 * z2 + 776) * z2 + 1482) * z2 - 1920) * z2 - 945) / 92160;
  return z + (g1 + (g2 + (g3 + g4 / degrees) / degrees) / degrees) / degrees;
}

}  // namespace

double student_t_beyond(double t, std::size_t degrees) {
  return std::clamp(1 - two_sided_probability(t, degrees), 0.0, 1.0);
}

double student_t(std::size_t degrees, double confidence) {
  if (degrees == 0 || !(confidence > 0 && confidence < 1)) {
    throw InternalError(
        fmt::format("student_t: {} degrees of freedom at confidence {}; expected at least 1 and "
                    "between 0 and 1",
                    degrees,
                    confidence));
  }
  if (degrees < kExpandFrom) {
    return invert(confidence, [&](double t) { return two_sided_probability(t, degrees); });
  }
  return expanded(normal_quantile(confidence), static_cast<double>(degrees));
}

double normal_quantile(double confidence) {
  return invert(confidence, [](double x) { return std::erf(x / std::numbers::sqrt2); });
}

}  // namespace headroom::scoring
