#include <algorithm>

#include "scoring/captions.h"

namespace headroom::scoring {

namespace {

constexpr double kBeta = 1.2;

/// Length of the longest common subsequence. Memory: one row.
std::size_t common_length(const Tokens& a, const Tokens& b) {
  std::vector<std::size_t> row(b.size() + 1, 0);
  for (const std::string& token : a) {
    std::size_t diagonal = 0;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = token == b[j - 1] ? diagonal + 1 : std::max(above, row[j - 1]);
      diagonal = above;
    }
  }
  return row.back();
}

}  // namespace

double rouge_l(const CaptionedTokens& captioned) {
  double precision = 0;
  double recall = 0;
  for (const Tokens& reference : captioned.references) {
    const auto common = static_cast<double>(common_length(captioned.answer, reference));
    if (common > 0) {
      precision = std::max(precision, common / static_cast<double>(captioned.answer.size()));
      recall = std::max(recall, common / static_cast<double>(reference.size()));
    }
  }
  if (precision == 0) {
    return 0;
  }
  return (1 + kBeta * kBeta) * precision * recall / (recall + kBeta * kBeta * precision);
}

}  // namespace headroom::scoring
