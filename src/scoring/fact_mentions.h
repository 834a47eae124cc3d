#pragma once

#include <compare>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "denial.h"
#include "words.h"

namespace headroom::scoring {

/// What a fact is about, in the words of canonical_words().
struct FactWords {
  std::vector<std::string> object;
  std::vector<std::string> attribute;  ///< may be empty

  auto operator<=>(const FactWords&) const = default;
};

/// A phrase's last word is the object, those before it are the attribute.
FactWords fact_of_phrase(std::string_view phrase);

/// Where a text speaks of things of one kind.
struct Mention {
  std::size_t first = 0;
  std::size_t end = 0;    ///< behind its last word
  std::size_t count = 1;  ///< things that it says there are; 0: it denies them, or leaves them open
};

/// A text and how it speaks of each of its words.
struct StatedText {
  explicit StatedText(std::string_view text)
      : words(canonical_words(text)), stance(stances(words)) {}

  Words words;
  std::vector<Stance> stance;
};

/// The mention of the fact whose object begins at `at`, if there is one: attribute and object stand
/// side by side, or nothing but is, are, was, were, that, which, colored between object and
/// attribute. The object's last word may be in the plural (-s, -es). Its count is the number in
/// front of it, else 1, of a bare plural 2; 0 where it is denied (denial.h).
std::optional<Mention> mention_at(const StatedText& text, std::size_t at, const FactWords& fact);

}  // namespace headroom::scoring
