#include "base/spelling.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace headroom {

namespace {

/// Insertions, deletions, replacements and swaps of neighbours that turn one into the other, in
/// bytes.
std::size_t edits(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before;
  std::vector<std::size_t> last(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::vector<std::size_t> row{i + 1};
    for (std::size_t j = 0; j < b.size(); ++j) {
      std::size_t least =
          std::min({row[j] + 1, last[j + 1] + 1, last[j] + (a[i] == b[j] ? 0U : 1U)});
      if (i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j]) {
        least = std::min(least, before[j - 1] + 1);
      }
      row.push_back(least);
    }
    before = std::exchange(last, std::move(row));
  }
  return last.back();
}

/// ".jsonl" of "nope.jsonl": what every file has tells no two of them apart.
std::string_view extension_of(std::string_view word) {
  const std::size_t dot = word.rfind('.');
  return dot == std::string_view::npos || dot == 0 || word.find('/', dot) != std::string_view::npos
             ? std::string_view()
             : word.substr(dot);
}

std::size_t allowed(std::string_view word, std::string_view candidate) {
  const std::string_view extension = extension_of(word);
  const bool shared = !extension.empty() && candidate.ends_with(extension);
  return (word.size() - (shared ? extension.size() : 0)) / 3;
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::size_t best = word.size();
  std::string found;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edits(word, candidate);
    if (distance > 0 && distance < best && distance <= allowed(word, candidate)) {
      best = distance;
      found = candidate;
    }
  }
  return found;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string found = nearest(word, candidates);
  return found.empty() ? "" : "; did you mean '" + found + "'?";
}

}  // namespace headroom
