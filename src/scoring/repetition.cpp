#include <algorithm>

#include "scoring/description.h"
#include "words.h"

namespace headroom::scoring {

namespace {

constexpr std::size_t kLeastWords = 16;
constexpr std::size_t kLeastTimes = 3;
constexpr std::size_t kLongestUnit = 200;

std::string joined(const std::vector<std::string>& words, std::size_t first, std::size_t count) {
  std::string text;
  for (std::size_t i = first; i < first + count; ++i) {
    text += (text.empty() ? "" : " ") + words[i];
  }
  return text;
}

}  // namespace

std::optional<Repetition> find_repetition(std::string_view text) {
  const std::vector<std::string> words = texts_of(words_of(text));
  std::size_t longest = 0;
  std::size_t unit_of_longest = 0;
  std::size_t end_of_longest = 0;
  const std::size_t most = std::min(words.size() / kLeastTimes, kLongestUnit);
  for (std::size_t unit = 1; unit <= most; ++unit) {
    std::size_t same = 0;  // words in a row that equal those one unit before
    for (std::size_t i = unit; i < words.size(); ++i) {
      same = words[i] == words[i - unit] ? same + 1 : 0;
      const std::size_t run = same + unit;
      if (run >= std::max(kLeastWords, kLeastTimes * unit) && run > longest) {
        longest = run;
        unit_of_longest = unit;
        end_of_longest = i + 1;
      }
    }
  }
  if (longest == 0) {
    return std::nullopt;
  }
  return Repetition{joined(words, end_of_longest - longest, unit_of_longest),
                    longest / unit_of_longest};
}

bool is_empty_answer(std::string_view text) { return words_of(text).empty(); }

}  // namespace headroom::scoring
