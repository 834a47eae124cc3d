#pragma once

#include "scoring/score.h"

namespace headroom::scoring {

/// See make_scorer().
class ExactScorer final : public Scorer {
 public:
  std::string_view name() const override { return "exact"; }

  std::optional<Score> score(const Truth& truth, std::string_view answer) const override;
};

}  // namespace headroom::scoring
