#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace headroom::scoring {

struct Interval {
  double low = 0;
  double high = 0;
};

/// A mean and how sure we are of it.
struct Estimate {
  std::size_t count = 0;
  std::size_t clusters = 0;
  double mean = 0;
  std::optional<double> standard_error;  ///< nothing below two clusters
  std::optional<Interval> interval;      ///< mean -+ t * standard error; may leave 0..1
};

/// The two-sided critical value of Student's t: P(|T| <= t) = confidence. Accurate to 1e-9
/// (relative) for any number of degrees of freedom >= 1; throws InternalError for 0, or a
/// confidence outside (0, 1).
double student_t(std::size_t degrees, double confidence);

/// P(|T| > t) of Student's t, for t >= 0 and degrees >= 1.
double student_t_beyond(double t, std::size_t degrees);

/// Collects values that belong to clusters (the questions about one picture are not independent)
/// and gives their mean: SE = sqrt(C/(C-1) * sum over clusters of (sum of deviations)^2) / n,
/// interval by t with C-1 degrees of freedom. With one value a cluster this is the plain s/sqrt(n).
class ClusteredMean {
 public:
  void add(double value, std::string_view cluster);

  std::size_t count() const { return count_; }

  /// Nothing when there is no value. O(clusters).
  std::optional<Estimate> estimate(double confidence = 0.95) const;

 private:
  struct Sum {
    double value = 0;
    std::size_t count = 0;
  };

  std::unordered_map<std::string, std::size_t> index_;
  std::vector<Sum> sums_;
  std::size_t count_ = 0;
};

/// The interval cut to what an accuracy can be, 0..1.
Interval within_unit(Interval interval);

/// The interval cut to what a difference of two accuracies can be, -1..1.
Interval within_difference(Interval interval);

}  // namespace headroom::scoring
