#pragma once

#include "scoring/score.h"

namespace headroom::scoring {

/// See make_scorer().
class VqaSimpleScorer final : public Scorer {
 public:
  std::string_view name() const override { return "vqa-simple"; }

  std::optional<Score> score(const Truth& truth, std::string_view answer) const override;
};

}  // namespace headroom::scoring
