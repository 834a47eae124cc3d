#pragma once

#include <cstddef>
#include <vector>

#include "words.h"

namespace headroom::scoring {

/// How a text speaks of what a word names.
enum class Stance {
  kSaid,
  kDenied,  ///< "no blue triangle", "without a hat", "they do not show a person"
  kOpen,    ///< "I cannot tell whether there is a person"
};

/// One for each of canonical_words(). A denial (no, not, without, never, neither, nor, none, lacks,
/// a word on n't, "instead of", "rather than") holds for the words behind it to the end of its
/// clause: the sentence's end; but, while, only, except and the like; a comma or "and" behind which
/// something begins anew ("a", "there", "it", a number). Alone between marks, "no" answers and
/// denies nothing behind; "not only" is none.
std::vector<Stance> stances(const Words& words);

/// Whether what ends before `end` is said to be absent by what follows in its clause: "a blue
/// triangle is not visible", "people are missing", "the dog isn't in the image".
bool is_absent(const Words& words, std::size_t end);

}  // namespace headroom::scoring
