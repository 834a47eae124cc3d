#include "vqa_simple.h"

#include "scoring/vqa_normalise.h"

namespace headroom::scoring {

std::optional<Score> VqaSimpleScorer::score(const Truth& truth, std::string_view answer) const {
  if (truth.references.empty()) {
    return std::nullopt;
  }
  Score score;
  score.extracted = vqa_normalise(answer);
  const bool right = score.extracted == vqa_normalise(one_reference(truth));
  score.value = right ? 1 : 0;
  score.verdict = right ? Verdict::kCorrect : Verdict::kWrong;
  return score;
}

}  // namespace headroom::scoring
