#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "scoring/statistics.h"

namespace headroom::scoring {

/// Two models on the same items.
struct PairedResult {
  /// Mean of first minus second, clustered by picture.
  Estimate difference;
  /// Of the paired t test, two-sided, clusters - 1 degrees of freedom. Where every picture differs
  /// by the same amount t has no value: then of the exact sign test on the pictures, 2^(1 -
  /// clusters), and 1 for an amount of 0. Nothing below two pictures.
  std::optional<double> p_value;

  // Items by who was right.
  std::size_t both = 0;
  std::size_t only_first = 0;
  std::size_t only_second = 0;
  std::size_t neither = 0;
  double mcnemar = 1;  ///< exact, two-sided, of the flips; takes the questions as independent

  std::size_t flips() const { return only_first + only_second; }

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
  ClusteredMean difference_{kDifferences};
  PairedResult counts_;
};

/// min(1, 2 P(X <= min(a, b))) for X binomial of a + b draws at one half; 1 of no flips.
double mcnemar_exact(std::size_t a, std::size_t b);

/// The p-values of several tests, corrected for their number so that any false finding among them
/// stays as rare as a single test's: in rising order times the tests not yet passed, never falling,
/// at most 1. In the order given; one alone is unchanged.
/// Source: Holm 1979, A Simple Sequentially Rejective Multiple Test Procedure.
std::vector<double> holm_corrected(std::span<const double> p_values);

/// How many items it takes to tell a difference of `delta` with that error (two-sided 5 %) four
/// times in five: ceil(((z_0.025 + z_0.2) deviation / delta)^2). Nothing for a deviation of 0.
/// Source: Miller 2024, Adding Error Bars to Evals (arXiv 2411.00640), power analysis.
std::optional<std::size_t> items_needed(double deviation, double delta);

}  // namespace headroom::scoring
