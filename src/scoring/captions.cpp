#include "scoring/captions.h"

#include <numeric>

#include "scoring/caption_tokens.h"

namespace headroom::scoring {

std::optional<CaptionScores> score_captions(std::span<const Captioned> corpus) {
  std::vector<CaptionedTokens> tokens;
  for (const Captioned& captioned : corpus) {
    if (captioned.references.empty()) {
      continue;
    }
    CaptionedTokens& one = tokens.emplace_back();
    one.answer = caption_tokens(captioned.answer);
    for (const std::string& reference : captioned.references) {
      one.references.push_back(caption_tokens(reference));
    }
  }
  if (tokens.empty()) {
    return std::nullopt;
  }
  const auto count = static_cast<double>(tokens.size());
  CaptionScores scores;
  scores.count = tokens.size();
  scores.bleu = bleu(tokens);
  for (const CaptionedTokens& one : tokens) {
    scores.rouge_l += rouge_l(one) / count;
  }
  if (tokens.size() > 1) {
    const std::vector<double> values = cider_d(tokens);
    scores.cider_d = std::accumulate(values.begin(), values.end(), 0.0) / count;
  }
  return scores;
}

}  // namespace headroom::scoring
