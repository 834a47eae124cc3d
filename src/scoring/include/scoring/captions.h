#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace headroom::scoring {

/// A description and what it is compared with.
struct Captioned {
  std::string answer;
  std::vector<std::string> references;  ///< at least one; without any it is not counted
};

using Tokens = std::vector<std::string>;

/// The same as tokens.
struct CaptionedTokens {
  Tokens answer;
  std::vector<Tokens> references;
};

/// Of a whole corpus, as the COCO caption evaluation has it. METEOR and SPICE, which need Java and
/// their own data, are left out.
struct CaptionScores {
  std::size_t count = 0;         ///< descriptions that have references: the denominator of all
  std::array<double, 4> bleu{};  ///< BLEU-1 to BLEU-4, of the corpus, 0..1
  double rouge_l = 0;            ///< mean over the descriptions, 0..1
  /// Mean over the descriptions, 0..10; nothing below two of them: what is rare in one is unknown.
  std::optional<double> cider_d;
};

/// Tokens by caption_tokens(); nothing when no description has references.
std::optional<CaptionScores> score_captions(std::span<const Captioned> corpus);

/// Corpus BLEU-1..4: clipped n-gram counts, brevity penalty by the references that are closest in
/// length (the shorter of two that are equally close).
/// Source: Papineni et al. 2002; pycocoevalcap 1.2, bleu_scorer.py, whose 1e-15 and 1e-9 in
/// numerators and denominators are kept.
std::array<double, 4> bleu(std::span<const CaptionedTokens> corpus);

/// Of one description: the best precision and the best recall of the longest common subsequence
/// over the references, each on its own, beta 1.2.
/// Source: Lin 2004; pycocoevalcap 1.2, rouge.py.
double rouge_l(const CaptionedTokens& captioned);

/// One value for each description, 0..10: n = 1..4; idf = ln(descriptions) - ln(max(1, df)), df
/// counting descriptions whose references hold the n-gram; sum of min(h, r) r / (|h| |r|)
/// exp(-d^2 / 72), d the difference of lengths; mean over n and references, times 10.
/// Source: Vedantam et al. 2015; pycocoevalcap 1.2, cider_scorer.py.
std::vector<double> cider_d(std::span<const CaptionedTokens> corpus);

}  // namespace headroom::scoring
