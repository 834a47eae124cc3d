#include "words.h"

#include <algorithm>
#include <array>
#include <utility>

#include "number_words.h"
#include "unicode.h"

namespace headroom::scoring {

namespace {

bool is_word_character(std::int32_t c) {
  return c < 0 || is_letter_or_number(c) || is_mark(c);  // a byte that is not UTF-8 is part of it
}

/// Thai and Lao; kana, Han and what lies between them.
bool is_without_blanks(std::int32_t c) {
  return (c >= 0x0E00 && c <= 0x0EFF) || (c >= 0x3040 && c <= 0x30FF) ||
         (c >= 0x3400 && c <= 0x9FFF) || (c >= 0x20000 && c <= 0x3FFFF);
}

Break break_of(std::int32_t c) {
  switch (c) {
    case '.':
    case '!':
    case '?':
    case ';':
    case '\n':
    case 0x3002:  // ideographic full stop
    case 0xFF01:  // full-width ! ; ?
    case 0xFF1B:
    case 0xFF1F:
      return Break::kSentence;
    case ',':
    case ':':
    case '(':
    case ')':
    case 0x2013:  // dashes
    case 0x2014:
    case 0x3001:  // ideographic comma, full-width , :
    case 0xFF0C:
    case 0xFF1A:
      return Break::kClause;
    default:
      return Break::kNone;
  }
}

bool is_apostrophe(std::int32_t c) { return c == '\'' || c == 0x2019; }

class Splitter {
 public:
  Words run(std::string_view text) {
    while (!text.empty()) {
      const CodePoint c = next_code_point(text);
      text.remove_prefix(c.bytes.size());
      take(c, text);
    }
    finish();
    return std::move(words_);
  }

 private:
  void take(const CodePoint& c, std::string_view rest) {
    if (is_without_blanks(c.value) && is_word_character(c.value)) {
      finish();
      word_ = c.bytes;
      finish();
    } else if (is_word_character(c.value)) {
      word_ += c.bytes;
    } else if (joins(c.value, rest)) {
      word_ += is_apostrophe(c.value) ? "'" : c.bytes;
    } else {
      finish();
      if (!words_.empty()) {
        words_.back().after = std::max(words_.back().after, break_of(c.value));
      }
    }
  }

  /// Whether the mark between the word so far and `rest` is inside of one word.
  bool joins(std::int32_t c, std::string_view rest) const {
    if (word_.empty() || rest.empty()) {
      return false;
    }
    const std::int32_t next = next_code_point(rest).value;
    if (c == '.' || c == ',') {
      return is_digit(static_cast<unsigned char>(word_.back())) && is_digit(next);
    }
    return is_apostrophe(c) && is_word_character(next) && !is_without_blanks(next);
  }

  void finish() {
    if (!word_.empty()) {
      words_.push_back({std::exchange(word_, {}), Break::kNone});
    }
  }

  std::string word_;
  Words words_;
};

std::string canonical(std::string word) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kSpellings = {{
      {"grey", "gray"},
      {"colour", "color"},
      {"colours", "colors"},
      {"coloured", "colored"},
      {"multicoloured", "multicolored"},
  }};
  constexpr std::string_view kPossessive = "'s";
  if (word.ends_with(kPossessive)) {
    word.resize(word.size() - kPossessive.size());
  }
  if (const auto number = number_of_word(word)) {
    return std::to_string(*number);
  }
  const auto* const known = std::find_if(
      kSpellings.begin(), kSpellings.end(), [&](const auto& pair) { return pair.first == word; });
  return known == kSpellings.end() ? word : std::string(known->second);
}

}  // namespace

Words words_of(std::string_view text) { return Splitter().run(lower(text)); }

Words canonical_words(std::string_view text) {
  Words words = words_of(text);
  for (Word& word : words) {
    word.text = canonical(std::move(word.text));
  }
  return words;
}

std::vector<std::string> texts_of(const Words& words) {
  std::vector<std::string> texts;
  texts.reserve(words.size());
  for (const Word& word : words) {
    texts.push_back(word.text);
  }
  return texts;
}

bool stands_at(const Words& words, std::size_t at, const std::vector<std::string>& wanted) {
  if (wanted.empty() || at + wanted.size() > words.size()) {
    return false;
  }
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const bool parted = i + 1 < wanted.size() && words[at + i].after != Break::kNone;
    if (words[at + i].text != wanted[i] || parted) {
      return false;
    }
  }
  return true;
}

}  // namespace headroom::scoring
