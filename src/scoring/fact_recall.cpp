#include "fact_recall.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "fact_mentions.h"
#include "scoring/description.h"
#include "words.h"

namespace headroom::scoring {

namespace {

using Place = std::vector<std::string>;

/// Where a description speaks of things of one kind.
struct KindMention {
  Mention mention;
  const FactWords* kind = nullptr;
  bool placed = false;  ///< its place has been taken for a fact
};

std::size_t sentence_begin(const Words& words, std::size_t at) {
  while (at > 0 && words[at - 1].after != Break::kSentence) {
    --at;
  }
  return at;
}

/// The end of the sentence whose word stands before `at`.
std::size_t sentence_end(const Words& words, std::size_t at) {
  while (at < words.size() && words[at - 1].after != Break::kSentence) {
    ++at;
  }
  return at;
}

/// Where something else begins to be spoken of.
std::size_t next_article(const Words& words, std::size_t at, std::size_t end) {
  constexpr std::array<std::string_view, 3> kArticles = {"a", "an", "another"};
  while (at < end &&
         std::find(kArticles.begin(), kArticles.end(), words[at].text) == kArticles.end()) {
    ++at;
  }
  return at;
}

bool stands_between(const Words& words, std::size_t from, std::size_t to, const Place& wanted) {
  for (std::size_t at = from; at + wanted.size() <= to; ++at) {
    if (stands_at(words, at, wanted)) {
      return true;
    }
  }
  return false;
}

class Description {
 public:
  Description(std::string_view text, const std::map<FactWords, std::vector<Place>>& wanted)
      : text_(text) {
    for (std::size_t at = 0; at < text_.words.size(); ++at) {
      for (const auto& [kind, places] : wanted) {
        if (const auto mention = mention_at(text_, at, kind)) {
          mentions_.push_back({*mention, &kind});
        }
      }
    }
  }

  std::size_t count(const FactWords& kind) const {
    std::size_t count = 0;
    for (const KindMention& each : mentions_) {
      count += each.kind == &kind ? each.mention.count : 0;
    }
    return count;
  }

  /// Whether a mention that has told no other place tells this one.
  bool take_place(const FactWords& kind, const Place& place) {
    for (std::size_t i = 0; i < mentions_.size(); ++i) {
      KindMention& each = mentions_[i];
      if (each.kind == &kind && each.mention.count > 0 && !each.placed && is_told(i, place)) {
        each.placed = true;
        return true;
      }
    }
    return false;
  }

 private:
  bool is_told(std::size_t index, const Place& place) const {
    const Words& words = text_.words;
    const Mention& mention = mentions_[index].mention;
    const std::size_t begin = sentence_begin(words, mention.first);
    std::size_t end = sentence_end(words, mention.end);
    if (index + 1 < mentions_.size()) {
      end = std::min(end, mentions_[index + 1].mention.first);
    }
    end = next_article(words, mention.end, end);
    const bool first = index == 0 || mentions_[index - 1].mention.first < begin;
    return stands_between(words, mention.end, end, place) ||
           (first && stands_between(words, begin, mention.first, place));
  }

  StatedText text_;
  std::vector<KindMention> mentions_;  ///< in the text's order
};

}  // namespace

FactRecall recall_facts(const std::vector<Fact>& facts, std::string_view description) {
  // The places of each kind's facts, empty without.
  std::map<FactWords, std::vector<Place>> wanted;
  FactRecall recall;
  recall.facts = facts.size();
  for (const Fact& fact : facts) {
    FactWords kind{texts_of(canonical_words(fact.object)),
                   texts_of(canonical_words(fact.attribute))};
    if (!kind.object.empty()) {
      wanted[std::move(kind)].push_back(texts_of(canonical_words(fact.position)));
    }
  }
  Description words(description, wanted);
  for (auto& [kind, places] : wanted) {
    const std::size_t told = std::min(words.count(kind), places.size());
    recall.told += told;
    std::size_t placed = 0;
    std::size_t with_place = 0;
    for (const Place& place : places) {
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
  score.facts = FactCount{recall.told, recall.facts};
  score.extracted = fmt::format("{} of {} facts", recall.told, recall.facts);
  return score;
}

}  // namespace headroom::scoring
