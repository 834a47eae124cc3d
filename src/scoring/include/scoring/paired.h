#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "scoring/statistics.h"

namespace headroom::scoring {

/// Two models on the same items.
struct PairedResult {
  Estimate difference;            ///< mean of first minus second, clustered by picture
  std::optional<double> p_value;  ///< paired t, two-sided, clusters - 1 degrees of freedom

  // Items by who was right.
  std::size_t both = 0;
  std::size_t only_first = 0;
  std::size_t only_second = 0;
  std::size_t neither = 0;
  double mcnemar = 1;  ///< exact, two-sided, of the flips

  /// What one item's difference varies by, pictures' clusters included: standard error times
  /// sqrt(items). Nothing where the standard error is unknown.
  std::optional<double> deviation() const;
};

/// Collects pairs of scores of one item each.
class PairedComparison {
 public:
  /// Scores 0..1 of the same item by both models; what was not answered counts as 0 and wrong.
  void add(
      double first, bool first_right, double second, bool second_right, std::string_view cluster);

  /// Nothing without items.
  std::optional<PairedResult> result(double confidence = 0.95) const;

 private:
  ClusteredMean difference_;
  PairedResult counts_;
};

/// min(1, 2 P(X <= min(a, b))) for X binomial of a + b draws at one half; 1 of no flips.
double mcnemar_exact(std::size_t a, std::size_t b);

/// How many items it takes to tell a difference of `delta` with that error (two-sided 5 %) four
/// times in five: ceil(((z_0.025 + z_0.2) deviation / delta)^2). Nothing for a deviation of 0.
std::optional<std::size_t> items_needed(double deviation, double delta);

}  // namespace headroom::scoring
