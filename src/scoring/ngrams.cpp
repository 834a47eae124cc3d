#include "ngrams.h"

namespace headroom::scoring {

NgramCounts count_ngrams(std::span<const std::string> tokens, std::size_t n) {
  NgramCounts counts;
  for (std::size_t first = 0; first + n <= tokens.size(); ++first) {
    std::string ngram = tokens[first];
    for (std::size_t i = 1; i < n; ++i) {
      ngram += ' ';
      ngram += tokens[first + i];
    }
    ++counts[ngram];
  }
  return counts;
}

}  // namespace headroom::scoring
