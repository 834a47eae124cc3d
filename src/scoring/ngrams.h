#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

namespace headroom::scoring {

inline constexpr std::size_t kLongestNgram = 4;

/// How often a text has each of its n-grams; the words of one are joined by blanks, which tokens do
/// not hold. Ordered, so that sums come out the same every time.
using NgramCounts = std::map<std::string, std::size_t>;

NgramCounts count_ngrams(std::span<const std::string> tokens, std::size_t n);

}  // namespace headroom::scoring
