#include "unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace headroom::scoring {

namespace {

const utf8proc_uint8_t* as_utf8(std::string_view text) {
  return reinterpret_cast<const utf8proc_uint8_t*>(text.data());
}

void append(std::string& text, utf8proc_int32_t code_point) {
  utf8proc_uint8_t buffer[4];
  const utf8proc_ssize_t length = utf8proc_encode_char(code_point, buffer);
  text.append(reinterpret_cast<const char*>(buffer), static_cast<std::size_t>(length));
}

}  // namespace

CodePoint next_code_point(std::string_view text) {
  utf8proc_int32_t value = -1;
  const utf8proc_ssize_t length =
      utf8proc_iterate(as_utf8(text), static_cast<utf8proc_ssize_t>(text.size()), &value);
  if (length <= 0) {
    return {-1, text.substr(0, 1)};
  }
  return {value, text.substr(0, static_cast<std::size_t>(length))};
}

bool is_space(std::int32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}

bool is_digit(std::int32_t c) {
  if (c < 0x80) {
    return c >= '0' && c <= '9';
  }
  return utf8proc_category(c) == UTF8PROC_CATEGORY_ND;
}

bool is_letter_or_number(std::int32_t c) {
  switch (c < 0 ? UTF8PROC_CATEGORY_CN : utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return true;
    default:
      return false;
  }
}

bool is_mark(std::int32_t c) {
  const auto category = c < 0 ? UTF8PROC_CATEGORY_CN : utf8proc_category(c);
  return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC;
}

bool is_invisible(std::int32_t c) {
  const auto category = c < 0 ? UTF8PROC_CATEGORY_CN : utf8proc_category(c);
  return category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF;
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> words;
  std::size_t start = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    const CodePoint c = next_code_point(text.substr(at));
    if (is_space(c.value)) {
      if (at > start) {
        words.push_back(text.substr(start, at - start));
      }
      start = at + c.bytes.size();
    }
    at += c.bytes.size();
  }
  if (at > start) {
    words.push_back(text.substr(start));
  }
  return words;
}

std::string_view strip(std::string_view text) {
  std::size_t first = text.size();
  std::size_t last = 0;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = next_code_point(text.substr(at));
    const std::size_t after = at + c.bytes.size();
    if (!is_space(c.value)) {
      first = std::min(first, at);
      last = after;
    }
    at = after;
  }
  return first < last ? text.substr(first, last - first) : std::string_view();
}

std::string lower(std::string_view text) {
  constexpr std::int32_t kCapitalIWithDot = 0x130;
  constexpr std::int32_t kCombiningDot = 0x307;
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const CodePoint c = next_code_point(text);
    if (c.value < 0) {
      result.append(c.bytes);
    } else if (c.value == kCapitalIWithDot) {
      result.push_back('i');
      append(result, kCombiningDot);
    } else {
      append(result, utf8proc_tolower(c.value));
    }
    text.remove_prefix(c.bytes.size());
  }
  return result;
}

std::string fold_case(std::string_view text) {
  utf8proc_uint8_t* folded = nullptr;
  const auto options =
      static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD);
  const utf8proc_ssize_t length =
      utf8proc_map(as_utf8(text), static_cast<utf8proc_ssize_t>(text.size()), &folded, options);
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(folded, &std::free);
  if (length < 0) {
    return std::string(text);
  }
  return std::string(reinterpret_cast<const char*>(folded), static_cast<std::size_t>(length));
}

}  // namespace headroom::scoring
