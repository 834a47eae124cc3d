#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string_view>

#include "base/outcome.h"
#include "scoring/score.h"
#include "scoring/statistics.h"

namespace headroom::scoring {

/// How many of what; every item is counted in exactly one outcome, and every answered item that
/// could be scored in exactly one verdict.
struct Counts {
  std::size_t total = 0;
  std::map<Outcome, std::size_t> outcomes;
  std::size_t unscored = 0;  ///< items without references, whatever their outcome
  std::size_t correct = 0;
  std::size_t wrong = 0;  ///< with or without partial credit
  std::size_t unparsed = 0;
  std::size_t refused = 0;

  std::size_t answered() const;

  std::size_t unanswered() const { return total - answered(); }
};

/// The denominators of a run, item by item. Items without references are in neither accuracy.
class Tally {
 public:
  /// `score`: what the scorer said; nothing when the item was not answered or nobody knows the
  /// answer. `picture`: what the interval is clustered by (the pictures' names or hash).
  /// Throws InternalError when these contradict each other.
  void add(Outcome outcome,
           bool has_references,
           const std::optional<Score>& score,
           std::string_view picture);

  const Counts& counts() const { return counts_; }

  /// Everything that has references; what was not answered counts as 0. Nothing without such items.
  std::optional<Estimate> accuracy(double confidence = 0.95) const;
  /// Only what was answered.
  std::optional<Estimate> accuracy_answered(double confidence = 0.95) const;

 private:
  Counts counts_;
  ClusteredMean all_;
  ClusteredMean answered_;
};

}  // namespace headroom::scoring
