#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "scoring/score.h"

namespace headroom::scoring {

/// How much of what is in a picture a description tells.
struct FactRecall {
  std::size_t facts = 0;  ///< of the picture: the denominator
  std::size_t told = 0;
  std::size_t placed = 0;      ///< of the told ones that have a position: at the right place
  std::size_t with_place = 0;  ///< told ones that have a position: the denominator of `placed`
};

/// A fact is told where its attribute and its object stand side by side ("blue triangle"), or where
/// nothing but is, are, was, were, that, which, colored or coloured stands between object and
/// attribute ("the triangle is blue"); without an attribute, where its object stands. Words are
/// compared lower-cased, hyphens parting them, numbers as digits and "grey" as "gray"; of the
/// object's last word the plural counts, too. A mention tells one fact, or as many as the number in
/// front of it says ("two blue triangles"), of a bare plural two: a picture with three needs three.
/// What is denied in its clause tells nothing ("no blue triangle", "a blue triangle is not
/// visible"), nor what the answer leaves open ("I cannot tell whether there is a blue triangle").
/// The place is right where its words follow the mention, within its sentence, before the next
/// mention of any fact and before the next a, an or another; or stand before the first mention of a
/// sentence. A mention of several tells the place of one.
FactRecall recall_facts(const std::vector<Fact>& facts, std::string_view description);

/// Words that come again and again without an end.
struct Repetition {
  std::string words;      ///< what is repeated
  std::size_t times = 0;  ///< in a row
};

/// Words in a row that are 16 or more together and repeat the same one or more words three times or
/// more; the longest such run. Words are parted by blanks, compared lower-cased and without
/// punctuation at their ends; each character of a script without blanks is one. Repeated words of
/// more than 200 are not looked for.
std::optional<Repetition> find_repetition(std::string_view text);

/// No letter, figure or sign in it beyond blanks and punctuation.
bool is_empty_answer(std::string_view text);

}  // namespace headroom::scoring
