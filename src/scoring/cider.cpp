#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_map>

#include "ngrams.h"
#include "scoring/captions.h"

namespace headroom::scoring {

namespace {

constexpr double kSigma = 6;
constexpr double kScale = 10;

/// Weights of a text's n-grams for each n, and its length as the reference takes it: the number of
/// its pairs of words.
struct Weighted {
  std::array<std::map<std::string, double>, kLongestNgram> weights;
  std::array<double, kLongestNgram> norm{};
  double length = 0;
};

/// In how many descriptions' references each n-gram stands.
class DocumentFrequency {
 public:
  explicit DocumentFrequency(std::span<const CaptionedTokens> corpus)
      : log_documents_(std::log(static_cast<double>(corpus.size()))) {
    for (const CaptionedTokens& captioned : corpus) {
      std::set<std::string> seen;
      for (const Tokens& reference : captioned.references) {
        for (std::size_t n = 1; n <= kLongestNgram; ++n) {
          for (const auto& [ngram, count] : count_ngrams(reference, n)) {
            seen.insert(ngram);
          }
        }
      }
      for (const std::string& ngram : seen) {
        ++documents_[ngram];
      }
    }
  }

  Weighted weigh(const Tokens& tokens) const {
    Weighted weighted;
    for (std::size_t n = 1; n <= kLongestNgram; ++n) {
      for (const auto& [ngram, count] : count_ngrams(tokens, n)) {
        const double weight = static_cast<double>(count) * idf(ngram);
        weighted.weights[n - 1].emplace(ngram, weight);
        weighted.norm[n - 1] += weight * weight;
        weighted.length += n == 2 ? static_cast<double>(count) : 0;
      }
      weighted.norm[n - 1] = std::sqrt(weighted.norm[n - 1]);
    }
    return weighted;
  }

 private:
  double idf(const std::string& ngram) const {
    const auto found = documents_.find(ngram);
    const double frequency = found == documents_.end() ? 0 : static_cast<double>(found->second);
    return log_documents_ - std::log(std::max(1.0, frequency));
  }

  double log_documents_;
  std::unordered_map<std::string, std::size_t> documents_;
};

/// Sum over n of the clipped cosine, with the penalty for another length.
double similarity(const Weighted& answer, const Weighted& reference) {
  const double difference = answer.length - reference.length;
  const double penalty = std::exp(-difference * difference / (2 * kSigma * kSigma));
  double sum = 0;
  for (std::size_t n = 0; n < kLongestNgram; ++n) {
    double product = 0;
    for (const auto& [ngram, weight] : answer.weights[n]) {
      const auto found = reference.weights[n].find(ngram);
      if (found != reference.weights[n].end()) {
        product += std::min(weight, found->second) * found->second;
      }
    }
    if (answer.norm[n] > 0 && reference.norm[n] > 0) {
      product /= answer.norm[n] * reference.norm[n];
    }
    sum += product * penalty;
  }
  return sum;
}

}  // namespace

std::vector<double> cider_d(std::span<const CaptionedTokens> corpus) {
  const DocumentFrequency frequency(corpus);
  std::vector<double> scores;
  scores.reserve(corpus.size());
  for (const CaptionedTokens& captioned : corpus) {
    const Weighted answer = frequency.weigh(captioned.answer);
    double sum = 0;
    for (const Tokens& reference : captioned.references) {
      sum += similarity(answer, frequency.weigh(reference));
    }
    const auto terms = static_cast<double>(kLongestNgram * captioned.references.size());
    scores.push_back(captioned.references.empty() ? 0 : kScale * sum / terms);
  }
  return scores;
}

}  // namespace headroom::scoring
