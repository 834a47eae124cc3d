#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace headroom::scoring {

/// What stands between a word and the next one.
enum class Break {
  kNone,      ///< blanks, hyphens, quotes
  kClause,    ///< , : a bracket or a dash
  kSentence,  ///< . ! ? ; or a line's end
};

struct Word {
  std::string text;  ///< in lower case
  Break after = Break::kNone;
};

using Words = std::vector<Word>;

/// Words of letters and digits of any script; hyphens and all other punctuation part words. A full
/// stop or comma between digits does not, nor does an apostrophe between letters, which becomes the
/// plain one. Characters of scripts without blanks (Han, kana, Thai) are words each.
Words words_of(std::string_view text);

/// The same, spelt in one way for comparison: number words zero to twenty as digits, "grey" as
/// "gray", "colour" as "color", and without the 's of "dog's".
Words canonical_words(std::string_view text);

std::vector<std::string> texts_of(const Words& words);

/// Whether `wanted` stands at `at`, with nothing but Break::kNone within; not of no words.
bool stands_at(const Words& words, std::size_t at, const std::vector<std::string>& wanted);

}  // namespace headroom::scoring
