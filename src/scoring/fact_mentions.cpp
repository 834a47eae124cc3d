#include "fact_mentions.h"

#include <algorithm>
#include <array>

namespace headroom::scoring {

namespace {

constexpr std::array<std::string_view, 7> kLinks = {
    "is", "are", "was", "were", "that", "which", "colored"};

/// 0: no match; 1: as it is; 2: in the plural.
std::size_t object_at(const Words& words, std::size_t at, const std::vector<std::string>& object) {
  if (object.empty()) {
    return 0;
  }
  if (stands_at(words, at, object)) {
    return 1;
  }
  for (const std::string_view ending : {"s", "es"}) {
    std::vector<std::string> plural = object;
    plural.back() += ending;
    if (stands_at(words, at, plural)) {
      return 2;
    }
  }
  return 0;
}

std::size_t number_before(const Words& words, std::size_t at, std::size_t otherwise) {
  constexpr std::size_t kMostFigures = 3;
  if (at == 0 || words[at - 1].after != Break::kNone) {
    return otherwise;
  }
  const std::string& word = words[at - 1].text;
  const bool figures =
      word.size() <= kMostFigures && word.find_first_not_of("0123456789") == std::string::npos;
  return figures ? static_cast<std::size_t>(std::stoul(word)) : otherwise;
}

/// "triangle that is blue": the place behind the attribute, or 0.
std::size_t linked_end(const Words& words,
                       std::size_t behind_object,
                       const std::vector<std::string>& attribute) {
  std::size_t at = behind_object;
  while (at < words.size() && words[at - 1].after != Break::kSentence &&
         std::find(kLinks.begin(), kLinks.end(), words[at].text) != kLinks.end()) {
    ++at;
  }
  return at > behind_object && stands_at(words, at, attribute) ? at + attribute.size() : 0;
}

Mention stated(const StatedText& text, Mention mention) {
  if (text.stance[mention.first] != Stance::kSaid || is_absent(text.words, mention.end)) {
    mention.count = 0;
  }
  return mention;
}

}  // namespace

FactWords fact_of_phrase(std::string_view phrase) {
  FactWords fact;
  fact.attribute = texts_of(canonical_words(phrase));
  if (!fact.attribute.empty()) {
    fact.object.push_back(std::move(fact.attribute.back()));
    fact.attribute.pop_back();
  }
  return fact;
}

std::optional<Mention> mention_at(const StatedText& text, std::size_t at, const FactWords& fact) {
  const Words& words = text.words;
  const std::size_t form = object_at(words, at, fact.object);
  if (form == 0) {
    return std::nullopt;
  }
  const std::size_t behind = at + fact.object.size();
  const std::size_t before = fact.attribute.size();
  const bool beside = before == 0 || (at >= before && words[at - 1].after == Break::kNone &&
                                      stands_at(words, at - before, fact.attribute));
  if (beside) {
    const std::size_t first = at - before;
    return stated(text, {first, behind, number_before(words, first, form)});
  }
  if (const std::size_t end = linked_end(words, behind, fact.attribute); end != 0) {
    return stated(text, {at, end, number_before(words, at, form)});
  }
  return std::nullopt;
}

}  // namespace headroom::scoring
