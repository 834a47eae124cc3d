#include "caption_marks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "unicode.h"

namespace headroom::scoring {

namespace {

/// Typographic marks and signs as the plain ones that stand for them.
constexpr std::array<std::pair<std::int32_t, std::string_view>, 20> kMarks = {{
    {0x00A0, " "},  // no-break space
    {0x00A2, " cents "},
    {0x00A3, " # "},  // pound
    {0x00AB, "\""},   // angle quotes
    {0x00BB, "\""},
    {0x00AD, ""},  // soft hyphen
    {0x00BC, " 1/4 "},
    {0x00BD, " 1/2 "},
    {0x00BE, " 3/4 "},
    {0x2011, "\xE2\x80\x91"},  // a hyphen that does not break stays in its word
    {0x2013, " -- "},          // en dash
    {0x2014, " -- "},          // em dash
    {0x2018, "'"},             // single quotes
    {0x2019, "'"},
    {0x201C, "\""},  // double quotes
    {0x201D, "\""},
    {0x2039, "'"},
    {0x203A, "'"},
    {0x20AC, " $ "},    // euro
    {0x2026, " ... "},  // ellipsis
}};

}  // namespace

std::string plain_marks(std::string_view text) {
  constexpr std::int32_t kBeyondPlane0 = 0x10000;
  std::string result;
  while (!text.empty()) {
    const CodePoint c = next_code_point(text);
    text.remove_prefix(c.bytes.size());
    const auto* const mark = std::find_if(
        kMarks.begin(), kMarks.end(), [&](const auto& known) { return known.first == c.value; });
    if (mark != kMarks.end()) {
      result += mark->second;
    } else if (c.value < 0x80 || is_letter_or_number(c.value) || is_mark(c.value)) {
      result += c.bytes;
    } else if (c.value < kBeyondPlane0 && !is_invisible(c.value)) {
      result += fmt::format(" {} ", c.bytes);
    } else {
      result += ' ';
    }
  }
  return result;
}

}  // namespace headroom::scoring
