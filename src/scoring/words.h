#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace headroom::scoring {

/// A lower-cased word, or the end of a sentence: ".", which no word is.
using Words = std::vector<std::string>;

inline constexpr std::string_view kSentenceEnd = ".";

/// Words of letters and digits of any script, with kSentenceEnd wherever . ! ? ; or a line's end
/// stands between two; hyphens and all other punctuation part words. A full stop or comma between
/// digits does not. Characters of scripts without blanks (Han, kana, Thai) are words each.
Words words_of(std::string_view text);

}  // namespace headroom::scoring
