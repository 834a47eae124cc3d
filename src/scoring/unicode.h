#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace headroom::scoring {

/// One code point of a text and the bytes that spell it.
struct CodePoint {
  std::int32_t value = -1;  ///< -1: a byte that is not UTF-8
  std::string_view bytes;
};

/// The next code point; `text` is not empty. A byte that is not UTF-8 is a piece of its own.
CodePoint next_code_point(std::string_view text);

/// What Python's str.isspace() calls white space, code point by code point.
bool is_space(std::int32_t code_point);
/// What \d matches in Python: category Nd.
bool is_digit(std::int32_t code_point);

/// Categories L* and N*.
bool is_letter_or_number(std::int32_t code_point);
/// What combines with the letter before it: categories Mn and Mc.
bool is_mark(std::int32_t code_point);

/// Control and format characters: categories Cc and Cf.
bool is_invisible(std::int32_t code_point);

/// Like Python's str.strip() and str.split().
std::string_view strip(std::string_view text);
std::vector<std::string_view> split(std::string_view text);

/// Like Python's str.lower(), except that a Greek capital sigma at a word's end becomes the plain
/// small sigma. Bytes that are not UTF-8 stay.
std::string lower(std::string_view text);

/// Case folding and composition (NFC). A text that is not UTF-8 comes back unchanged.
std::string fold_case(std::string_view text);

}  // namespace headroom::scoring
