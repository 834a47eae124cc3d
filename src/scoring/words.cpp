#include "words.h"

#include <utf8proc.h>

#include "unicode.h"

namespace headroom::scoring {

namespace {

bool is_word_character(std::int32_t c) {
  if (c < 0) {
    return true;  // a byte that is not UTF-8 is part of its word
  }
  switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return true;
    default:
      return false;
  }
}

/// Thai and Lao; kana, Han and what lies between them.
bool is_without_blanks(std::int32_t c) {
  return (c >= 0x0E00 && c <= 0x0EFF) || (c >= 0x3040 && c <= 0x30FF) ||
         (c >= 0x3400 && c <= 0x9FFF) || (c >= 0x20000 && c <= 0x3FFFF);
}

bool ends_sentence(std::int32_t c) {
  return c == '.' || c == '!' || c == '?' || c == ';' || c == '\n' || c == 0x3002;
}

}  // namespace

Words words_of(std::string_view text) {
  const std::string lowered = lower(text);
  Words words;
  std::string word;
  const auto flush = [&] {
    if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  };
  for (std::string_view rest = lowered; !rest.empty();) {
    const CodePoint c = next_code_point(rest);
    rest.remove_prefix(c.bytes.size());
    if (is_word_character(c.value)) {
      if (is_without_blanks(c.value)) {
        flush();
      }
      word.append(c.bytes);
      if (is_without_blanks(c.value)) {
        flush();
      }
      continue;
    }
    const bool in_number = (c.value == '.' || c.value == ',') && !word.empty() &&
                           is_digit(static_cast<unsigned char>(word.back())) && !rest.empty() &&
                           is_digit(next_code_point(rest).value);
    if (in_number) {
      word.append(c.bytes);
      continue;
    }
    flush();
    if (ends_sentence(c.value) && !words.empty() && words.back() != kSentenceEnd) {
      words.emplace_back(kSentenceEnd);
    }
  }
  flush();
  return words;
}

}  // namespace headroom::scoring
