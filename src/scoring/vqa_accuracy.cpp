#include "vqa_accuracy.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "scoring/vqa_normalise.h"
#include "unicode.h"

namespace headroom::scoring {

namespace {

/// The evaluator's first step, applied to predictions and references alike.
std::string flattened(std::string_view text) {
  std::string flat(text);
  std::replace(flat.begin(), flat.end(), '\n', ' ');
  std::replace(flat.begin(), flat.end(), '\t', ' ');
  return std::string(strip(flat));
}

/// Mean over the annotators of min(1, matches among the others / 3), summed in thirds so that the
/// result is the double nearest to the exact fraction.
double mean_over_annotators(const std::vector<std::string>& references, const std::string& answer) {
  const auto matches =
      static_cast<std::size_t>(std::count(references.begin(), references.end(), answer));
  if (references.size() == 1) {
    return matches == 1 ? 1 : 0;
  }
  const std::size_t others = references.size() - matches;
  const std::size_t thirds = others * std::min<std::size_t>(3, matches) +
                             (matches == 0 ? 0 : matches * std::min<std::size_t>(3, matches - 1));
  return static_cast<double>(thirds) / (3.0 * static_cast<double>(references.size()));
}

}  // namespace

std::optional<Score> VqaAccuracyScorer::score(const Truth& truth, std::string_view answer) const {
  if (truth.references.empty()) {
    return std::nullopt;
  }
  std::vector<std::string> references;
  references.reserve(truth.references.size());
  for (const std::string& reference : truth.references) {
    references.push_back(flattened(reference));
  }
  std::string prediction = flattened(answer);
  const bool unanimous =
      references.size() > 1 && std::count(references.begin(), references.end(), references[0]) ==
                                   static_cast<std::ptrdiff_t>(references.size());
  if (!unanimous) {
    for (std::string& reference : references) {
      reference = vqa_normalise(reference);
    }
    prediction = vqa_normalise(prediction);
  }
  Score score;
  score.value = mean_over_annotators(references, prediction);
  score.verdict = score.value >= 0.5 ? Verdict::kCorrect : Verdict::kWrong;
  score.extracted = std::move(prediction);
  return score;
}

}  // namespace headroom::scoring
