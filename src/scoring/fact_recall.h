#pragma once

#include "scoring/score.h"

namespace headroom::scoring {

/// See make_scorer().
class FactRecallScorer final : public Scorer {
 public:
  std::string_view name() const override { return "fact-recall"; }

  bool can_score(const Truth& truth) const override { return !truth.facts.empty(); }

  std::optional<Score> score(const Truth& truth, std::string_view answer) const override;
};

}  // namespace headroom::scoring
