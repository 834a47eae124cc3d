#pragma once

#include "scoring/score.h"

namespace headroom::scoring {

/// Truth::question_type of what is not recall of phrases.
inline constexpr std::string_view kPeopleFact = "people";
inline constexpr std::string_view kSentenceFact = "sentence";

/// See make_scorer().
class TurnFactsScorer final : public Scorer {
 public:
  std::string_view name() const override { return "turn-facts"; }

  std::optional<Score> score(const Truth& truth, std::string_view answer) const override;
};

}  // namespace headroom::scoring
