#include "fact_recall.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "scoring/description.h"
#include "words.h"

namespace headroom::scoring {

namespace {

constexpr std::array<std::string_view, 8> kLinks = {
    "is", "are", "was", "were", "that", "which", "colored", "coloured"};

constexpr std::array<std::string_view, 11> kNumbers = {
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"};

/// One thing that facts are about, in words.
struct Kind {
  Words object;
  Words attribute;

  auto operator<=>(const Kind&) const = default;
};

/// Where a description speaks of things of one kind.
struct Mention {
  std::size_t first = 0;
  std::size_t end = 0;    ///< behind its last word
  std::size_t count = 1;  ///< things that it speaks of
  bool placed = false;    ///< its place has been taken for a fact
  const Kind* kind = nullptr;
};

bool stands_at(const Words& words, std::size_t at, const Words& wanted) {
  return at + wanted.size() <= words.size() &&
         std::equal(wanted.begin(), wanted.end(), words.begin() + static_cast<std::ptrdiff_t>(at));
}

/// 0: no match; 1: as it is; 2: in the plural.
std::size_t object_at(const Words& words, std::size_t at, const Words& object) {
  if (stands_at(words, at, object)) {
    return 1;
  }
  for (const std::string_view ending : {"s", "es"}) {
    Words plural = object;
    plural.back() += ending;
    if (stands_at(words, at, plural)) {
      return 2;
    }
  }
  return 0;
}

std::size_t number_before(const Words& words, std::size_t at, std::size_t otherwise) {
  if (at == 0) {
    return otherwise;
  }
  const std::string& word = words[at - 1];
  const auto* const found = std::find(kNumbers.begin(), kNumbers.end(), word);
  if (found != kNumbers.end()) {
    return static_cast<std::size_t>(found - kNumbers.begin());
  }
  constexpr std::size_t kMostFigures = 3;
  const bool figures =
      word.size() <= kMostFigures && word.find_first_not_of("0123456789") == std::string::npos;
  return figures ? static_cast<std::size_t>(std::stoul(word)) : otherwise;
}

/// "triangle that is blue": the place behind the attribute, or 0.
std::size_t linked_end(const Words& words, std::size_t behind_object, const Words& attribute) {
  std::size_t at = behind_object;
  while (at < words.size() && std::find(kLinks.begin(), kLinks.end(), words[at]) != kLinks.end()) {
    ++at;
  }
  return at > behind_object && stands_at(words, at, attribute) ? at + attribute.size() : 0;
}

/// The mention whose object begins at `at`, if there is one.
std::optional<Mention> mention_at(const Words& words, std::size_t at, const Kind& kind) {
  const std::size_t form = object_at(words, at, kind.object);
  if (form == 0) {
    return std::nullopt;
  }
  const std::size_t behind = at + kind.object.size();
  const std::size_t before = kind.attribute.size();
  if (at >= before && stands_at(words, at - before, kind.attribute)) {
    const std::size_t first = at - before;
    return Mention{first, behind, number_before(words, first, form), false, &kind};
  }
  if (const std::size_t end = linked_end(words, behind, kind.attribute); end != 0) {
    return Mention{at, end, number_before(words, at, form), false, &kind};
  }
  return std::nullopt;
}

std::size_t sentence_begin(const Words& words, std::size_t at) {
  while (at > 0 && words[at - 1] != kSentenceEnd) {
    --at;
  }
  return at;
}

std::size_t sentence_end(const Words& words, std::size_t at) {
  while (at < words.size() && words[at] != kSentenceEnd) {
    ++at;
  }
  return at;
}

/// Where something else begins to be spoken of.
std::size_t next_article(const Words& words, std::size_t at, std::size_t end) {
  constexpr std::array<std::string_view, 3> kArticles = {"a", "an", "another"};
  while (at < end && std::find(kArticles.begin(), kArticles.end(), words[at]) == kArticles.end()) {
    ++at;
  }
  return at;
}

bool stands_between(const Words& words, std::size_t from, std::size_t to, const Words& wanted) {
  for (std::size_t at = from; at + wanted.size() <= to; ++at) {
    if (stands_at(words, at, wanted)) {
      return true;
    }
  }
  return false;
}

class Description {
 public:
  Description(std::string_view text, const std::map<Kind, std::vector<Words>>& wanted)
      : words_(words_of(text)) {
    for (std::size_t at = 0; at < words_.size(); ++at) {
      for (const auto& [kind, places] : wanted) {
        if (auto mention = mention_at(words_, at, kind)) {
          mentions_.push_back(*mention);
        }
      }
    }
  }

  std::size_t count(const Kind& kind) const {
    std::size_t count = 0;
    for (const Mention& mention : mentions_) {
      count += mention.kind == &kind ? mention.count : 0;
    }
    return count;
  }

  /// Whether a mention that has told no other place tells this one.
  bool take_place(const Kind& kind, const Words& place) {
    for (std::size_t i = 0; i < mentions_.size(); ++i) {
      Mention& mention = mentions_[i];
      if (mention.kind == &kind && !mention.placed && is_told(i, place)) {
        mention.placed = true;
        return true;
      }
    }
    return false;
  }

 private:
  bool is_told(std::size_t index, const Words& place) const {
    const Mention& mention = mentions_[index];
    const std::size_t begin = sentence_begin(words_, mention.first);
    std::size_t end = sentence_end(words_, mention.end);
    if (index + 1 < mentions_.size()) {
      end = std::min(end, mentions_[index + 1].first);
    }
    end = next_article(words_, mention.end, end);
    const bool first = index == 0 || mentions_[index - 1].first < begin;
    return stands_between(words_, mention.end, end, place) ||
           (first && stands_between(words_, begin, mention.first, place));
  }

  Words words_;
  std::vector<Mention> mentions_;  ///< in the text's order
};

}  // namespace

FactRecall recall_facts(const std::vector<Fact>& facts, std::string_view description) {
  std::map<Kind, std::vector<Words>> wanted;  // the places of each kind's facts, empty without
  FactRecall recall;
  recall.facts = facts.size();
  for (const Fact& fact : facts) {
    Kind kind{words_of(fact.object), words_of(fact.attribute)};
    if (!kind.object.empty()) {
      wanted[std::move(kind)].push_back(words_of(fact.position));
    }
  }
  Description words(description, wanted);
  for (auto& [kind, places] : wanted) {
    const std::size_t told = std::min(words.count(kind), places.size());
    recall.told += told;
    std::size_t placed = 0;
    std::size_t with_place = 0;
    for (const Words& place : places) {
      with_place += place.empty() ? 0 : 1;
      placed += !place.empty() && placed < told && words.take_place(kind, place) ? 1 : 0;
    }
    recall.with_place += std::min(told, with_place);
    recall.placed += placed;
  }
  return recall;
}

std::optional<Score> FactRecallScorer::score(const Truth& truth, std::string_view answer) const {
  if (truth.facts.empty()) {
    return std::nullopt;
  }
  const FactRecall recall = recall_facts(truth.facts, answer);
  Score score;
  score.value = static_cast<double>(recall.told) / static_cast<double>(recall.facts);
  score.verdict = recall.told == recall.facts ? Verdict::kCorrect : Verdict::kWrong;
  score.extracted = fmt::format("{} of {} facts", recall.told, recall.facts);
  return score;
}

}  // namespace headroom::scoring
