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

// What values can be.
inline constexpr Interval kShares{0, 1};
inline constexpr Interval kDifferences{-1, 1};  ///< of two shares

/// A mean and how sure we are of it.
struct Estimate {
  std::size_t count = 0;
  std::size_t clusters = 0;
  double mean = 0;
  std::optional<double> standard_error;  ///< nothing below two clusters
  std::optional<Interval> interval;      ///< within what values can be; nothing below two clusters
};

/// The z whose P(|Z| <= z) of the normal distribution is `confidence`, which lies within (0, 1).
double normal_quantile(double confidence);

/// The two-sided critical value of Student's t: P(|T| <= t) = confidence. Accurate to 1e-9
/// (relative) for any number of degrees of freedom >= 1; throws InternalError for 0, or a
/// confidence outside (0, 1).
double student_t(std::size_t degrees, double confidence);

/// P(|T| > t) of Student's t, for t >= 0 and degrees >= 1.
double student_t_beyond(double t, std::size_t degrees);

/// The score interval of a share that was seen in `count` independent trials (at least 1). Never
/// empty, and within 0..1.
/// Source: Wilson 1927, Probable Inference, the Law of Succession, and Statistical Inference.
Interval wilson(double share, std::size_t count, double confidence = 0.95);

/// Collects values that belong to clusters (the questions about one picture are not independent)
/// and gives their mean: SE = sqrt(C/(C-1) * sum over clusters of (sum of deviations)^2) / n. With
/// one value a cluster this is the plain s/sqrt(n). The one rule for every interval:
/// - where clusters differ, mean -+ t * SE with C-1 degrees of freedom, cut to what values can be;
/// - where none differs from another (all right, all wrong), nothing was seen of how far they vary,
///   and the standard error is 0. Then of C clusters 0 were otherwise, so that by Wilson at most a
///   share u = z^2 / (C + z^2) of all is, which may have any value: the mean lies within
///   (1-u) mean + u * [low, high]. Of shares that are all 1 (or 0) this is Wilson's interval of C
///   of C (0 of C). Compare Hanley and Lippman-Hand 1983, If Nothing Goes Wrong, Is Everything All
///   Right? (3 / C).
/// The two do not meet: of 200 answers about 22 pictures all right is 85.1 to 100 %, and one wrong
/// 98.5 to 100 %. The first has no spread to go by and takes each picture for one trial; the second
/// has one wrong answer to go by, which says that answers about one picture vary by themselves, and
/// from so few is known to be narrow (Korn and Graubard 1998, Confidence Intervals for Proportions
/// With Small Expected Number of Positive Counts Estimated From Survey Data). Neither is bent
/// towards the other, so that every interval with a spread is the t interval that others compute.
class ClusteredMean {
 public:
  explicit ClusteredMean(Interval range = kShares) : range_(range) {}

  void add(double value, std::string_view cluster);

  std::size_t count() const { return count_; }

  /// Nothing when there is no value. O(clusters).
  std::optional<Estimate> estimate(double confidence = 0.95) const;

 private:
  struct Sum {
    double value = 0;
    std::size_t count = 0;
  };

  Interval range_;
  std::unordered_map<std::string, std::size_t> index_;
  std::vector<Sum> sums_;
  std::size_t count_ = 0;
};

}  // namespace headroom::scoring
