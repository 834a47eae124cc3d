#include "number_words.h"

#include <algorithm>
#include <array>

namespace headroom::scoring {

namespace {

constexpr std::array<std::string_view, 21> kNumbers = {
    "zero",     "one",     "two",     "three",     "four",     "five",     "six",
    "seven",    "eight",   "nine",    "ten",       "eleven",   "twelve",   "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"};

}  // namespace

std::optional<std::size_t> number_of_word(std::string_view word, std::size_t most) {
  const auto* const found = std::find(kNumbers.begin(), kNumbers.end(), word);
  const auto number = static_cast<std::size_t>(found - kNumbers.begin());
  return found == kNumbers.end() || number > most ? std::nullopt : std::optional(number);
}

}  // namespace headroom::scoring
