#include "exact.h"

#include <algorithm>

#include "unicode.h"

namespace headroom::scoring {

namespace {

std::string normalise(std::string_view text) {
  text = strip(text);
  if (text.size() > 1 && text.ends_with('.') && !text.ends_with("..")) {
    text = strip(text.substr(0, text.size() - 1));
  }
  return fold_case(text);
}

}  // namespace

std::optional<Score> ExactScorer::score(const Truth& truth, std::string_view answer) const {
  if (truth.references.empty()) {
    return std::nullopt;
  }
  Score score;
  score.extracted = normalise(answer);
  const bool right = std::any_of(
      truth.references.begin(), truth.references.end(), [&](const std::string& reference) {
        return normalise(reference) == score.extracted;
      });
  score.value = right ? 1 : 0;
  score.verdict = right ? Verdict::kCorrect : Verdict::kWrong;
  return score;
}

}  // namespace headroom::scoring
