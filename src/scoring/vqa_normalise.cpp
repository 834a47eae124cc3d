#include "scoring/vqa_normalise.h"

#include <algorithm>
#include <array>
#include <utility>

#include "number_words.h"
#include "unicode.h"
#include "vqa_contractions.h"

namespace headroom::scoring {

namespace {

constexpr std::string_view kPunctuation = ";/[]\"{}()=+\\_-><@`,?!";
constexpr std::size_t kMostStopsRemoved = 32;

bool digit_follows(std::string_view text, std::size_t at) {
  return at < text.size() && is_digit(next_code_point(text.substr(at)).value);
}

bool has_digit_comma_digit(std::string_view text) {
  bool after_digit = false;
  while (!text.empty()) {
    const CodePoint c = next_code_point(text);
    text.remove_prefix(c.bytes.size());
    if (c.value == ',' && after_digit && digit_follows(text, 0)) {
      return true;
    }
    after_digit = is_digit(c.value);
  }
  return false;
}

bool next_to_blank(std::string_view text, char mark) {
  const char after[] = {mark, ' '};
  const char before[] = {' ', mark};
  return text.find(std::string_view(after, 2)) != std::string_view::npos ||
         text.find(std::string_view(before, 2)) != std::string_view::npos;
}

std::string without_stops(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  std::size_t removed = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '.' && removed < kMostStopsRemoved && !digit_follows(text, at + 1)) {
      ++removed;
    } else {
      result.push_back(text[at]);
    }
  }
  return result;
}

std::string as_digits(std::string_view word) {
  constexpr std::size_t kMost = 10;
  if (word == "none") {
    return "0";
  }
  const auto number = number_of_word(word, kMost);
  return number ? std::to_string(*number) : std::string(word);
}

}  // namespace

std::string process_punctuation(std::string_view text) {
  std::string result(text);
  const bool thousands = has_digit_comma_digit(text);
  for (const char mark : kPunctuation) {
    if (thousands || next_to_blank(text, mark)) {
      std::erase(result, mark);
    } else {
      std::replace(result.begin(), result.end(), mark, ' ');
    }
  }
  return without_stops(result);
}

std::string process_digit_article(std::string_view text) {
  const std::string lowered = lower(text);
  std::string result;
  for (const std::string_view word : split(lowered)) {
    const std::string digits = as_digits(word);
    if (digits == "a" || digits == "an" || digits == "the") {
      continue;
    }
    if (!result.empty()) {
      result.push_back(' ');
    }
    result.append(with_apostrophe(digits));
  }
  return result;
}

std::string vqa_normalise(std::string_view text) {
  std::string flat(text);
  std::replace(flat.begin(), flat.end(), '\n', ' ');
  std::replace(flat.begin(), flat.end(), '\t', ' ');
  return process_digit_article(process_punctuation(strip(flat)));
}

}  // namespace headroom::scoring
