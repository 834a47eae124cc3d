#include "base/percent.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace headroom {

namespace {

/// What sums of tenths leave of a share that is 0 or 1.
constexpr double kSame = 1e-12;

}  // namespace

std::string percent_number(double share, int decimals) {
  double shown = share * 100.0;
  if (share > kSame && share < 1.0 - kSame) {
    const double step = std::pow(10.0, -decimals);
    shown = std::clamp(shown, step, 100.0 - step);
  } else if (std::fabs(share) <= kSame) {
    shown = 0;  // else a sum that is just below it is "-0.0"
  }
  return fmt::format("{:.{}f}", shown, decimals);
}

std::string percent(double share, int decimals) { return percent_number(share, decimals) + " %"; }

}  // namespace headroom
