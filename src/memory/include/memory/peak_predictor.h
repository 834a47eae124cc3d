#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/json.h"
#include "memory/plan.h"

namespace headroom::memory {

class OnlineRegression;

/// What is known of a group before it is asked, all of it arithmetic.
struct GroupFeatures {
  Bytes planned_peak;  ///< by the plan, by the budget's counter
  Bytes resting;       ///< of it, what is held between groups too: not this group's doing
  Bytes pictures;      ///< what the plan counts for its pictures: grows with their pixels
  Bytes prompt;        ///< its tokens times a token's bytes: grows with its text

  Bytes transient() const { return saturating_minus(planned_peak, resting); }
};

/// Of a plan made for this group alone. `beyond`: held at rest beyond what the plan says.
GroupFeatures features_of(const Plan& group, Bytes beyond);

struct Prediction {
  Bytes expected;
  Bytes upper;         ///< for admission: the peak is higher once in several hundred groups
  std::string reason;  ///< plan, correction, margin and samples with their numbers
};

/// A prediction beside what came.
struct PredictionError {
  Bytes expected;
  Bytes upper;
  Bytes measured;

  double percent() const;        ///< 100 (expected - measured) / measured
  double upper_percent() const;  ///< 100 (upper - measured) / measured
};

/// How good the predictions were, each made before its group was asked.
struct PredictionRecord {
  static constexpr std::size_t kWindow = 10;
  static constexpr double kLow = 3.0;  ///< percent that a prediction may be low

  std::uint64_t samples = 0;
  std::uint64_t deaths = 0;        ///< groups that ran out of memory
  std::uint64_t expected_low = 0;  ///< samples whose expected peak was lower by more than kLow
  std::uint64_t upper_low = 0;     ///< whose upper bound was
  std::vector<double> first;       ///< |percent| of the first kWindow samples
  std::deque<double> last;         ///< and of the last

  /// Means of |percent|; 0 when there were none.
  double first_error() const;
  double last_error() const;
  double expected_low_share() const;  ///< of all samples, 0..1
  double upper_low_share() const;
};

/// Predicts a group's measured peak before it is asked: the plan's peak plus a correction (a share
/// of what rests, and one for each byte of transient, of pictures and of prompt) that is learnt
/// from measured peaks. Before anything is learnt the correction is 0, give or take a share of the
/// planned transient; the bound comes closer as samples come. A prediction is below the plan only
/// for groups within the range of those seen, and by no larger share than was seen.
/// A peak far from its prediction counts less, unless the next is too: then what was learnt is
/// given up for what is seen now. After a peak above its prediction the bound stays that much
/// higher for some groups.
/// Deterministic: the same samples in the same order give the same predictions. Thread: one.
class PeakPredictor {
 public:
  PeakPredictor();
  ~PeakPredictor();
  PeakPredictor(PeakPredictor&&) noexcept;
  PeakPredictor& operator=(PeakPredictor&&) noexcept;

  Prediction predict(const GroupFeatures& group) const;
  /// A group's measured peak, by the counter of its features. Returns what had been predicted for
  /// these features.
  PredictionError learn(const GroupFeatures& group, Bytes measured);
  /// The group ran out of memory when it held at least this much: how much it would have held is
  /// not known.
  void learn_death(const GroupFeatures& group, Bytes at_least);

  const PredictionRecord& record() const { return record_; }

  /// All of its state and its record.
  Json to_json() const;
  /// Goes on where that one was. Throws InputError("E-CONTRACT") naming what is wrong.
  static PeakPredictor from_json(const Json& json);

 private:
  struct Estimate;

  struct Range {
    std::uint64_t least = UINT64_MAX;
    std::uint64_t most = 0;
  };

  Estimate estimate(const GroupFeatures& group) const;
  bool within_range(const GroupFeatures& group) const;
  double weigh(double deviations);
  void note_range(const GroupFeatures& group);
  void note_error(const PredictionError& error);

  std::unique_ptr<OnlineRegression> correction_;
  std::array<Range, 3> seen_;  ///< bytes of transient, pictures, prompt
  double lowest_share_ = 0;    ///< of the plan: the most negative correction seen
  double shortfall_ = 0;       ///< recent peaks above their prediction, in units of noise
  int outliers_ = 0;           ///< in a row: positive above, negative below
  int settling_ = 0;           ///< samples left after a change that are all believed
  PredictionRecord record_;
};

/// {"samples", "deaths", "mean_error_first_percent", "mean_error_last_percent",
/// "expected_low_share", "upper_low_share"}.
Json to_json(const PredictionRecord& record);

}  // namespace headroom::memory
