#include <algorithm>
#include <cmath>

#include "ngrams.h"
#include "scoring/captions.h"

namespace headroom::scoring {

namespace {

// They keep the reference's fractions from 0/0, and show in its last digits.
constexpr double kTiny = 1e-15;
constexpr double kSmall = 1e-9;

std::size_t closest_length(const CaptionedTokens& captioned) {
  const auto length = captioned.answer.size();
  const auto distance = [length](const Tokens& reference) {
    return std::max(length, reference.size()) - std::min(length, reference.size());
  };
  const auto closest =
      std::min_element(captioned.references.begin(),
                       captioned.references.end(),
                       [&](const Tokens& a, const Tokens& b) {
                         return std::pair(distance(a), a.size()) < std::pair(distance(b), b.size());
                       });
  return closest == captioned.references.end() ? 0 : closest->size();
}

/// Occurrences of the answer's n-grams, each at most as often as one reference has it.
std::size_t clipped_matches(const CaptionedTokens& captioned, std::size_t n) {
  NgramCounts most;
  for (const Tokens& reference : captioned.references) {
    for (const auto& [ngram, count] : count_ngrams(reference, n)) {
      most[ngram] = std::max(most[ngram], count);
    }
  }
  std::size_t matches = 0;
  for (const auto& [ngram, count] : count_ngrams(captioned.answer, n)) {
    const auto found = most.find(ngram);
    matches += found == most.end() ? 0 : std::min(count, found->second);
  }
  return matches;
}

}  // namespace

std::array<double, 4> bleu(std::span<const CaptionedTokens> corpus) {
  std::array<std::size_t, kLongestNgram> guesses{};
  std::array<std::size_t, kLongestNgram> correct{};
  std::size_t answer_length = 0;
  std::size_t reference_length = 0;
  for (const CaptionedTokens& captioned : corpus) {
    const std::size_t length = captioned.answer.size();
    answer_length += length;
    reference_length += closest_length(captioned);
    for (std::size_t n = 1; n <= kLongestNgram; ++n) {
      guesses[n - 1] += length + 1 > n ? length + 1 - n : 0;
      correct[n - 1] += clipped_matches(captioned, n);
    }
  }
  const double ratio = (static_cast<double>(answer_length) + kTiny) /
                       (static_cast<double>(reference_length) + kSmall);
  const double penalty = ratio < 1 ? std::exp(1 - 1 / ratio) : 1;
  std::array<double, 4> scores{};
  double product = 1;
  for (std::size_t n = 1; n <= kLongestNgram; ++n) {
    product *= (static_cast<double>(correct[n - 1]) + kTiny) /
               (static_cast<double>(guesses[n - 1]) + kSmall);
    scores[n - 1] = std::pow(product, 1.0 / static_cast<double>(n)) * penalty;
  }
  return scores;
}

}  // namespace headroom::scoring
