#include "scoring/fact_words.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "fact_mentions.h"
#include "words.h"

namespace headroom::scoring {

namespace {

const std::set<std::string, std::less<>> kPeople = {
    "person",   "persons", "people",   "human",      "humans",     "man",    "men",
    "woman",    "women",   "boy",      "boys",       "girl",       "girls",  "child",
    "children", "kid",     "kids",     "baby",       "adult",      "adults", "anyone",
    "anybody",  "someone", "somebody", "lady",       "ladies",     "guy",    "guys",
    "player",   "players", "crowd",    "pedestrian", "pedestrians"};

/// "no one", "none", "nobody" at `at`.
bool is_nobody(const Words& words, std::size_t at) {
  const std::string& word = words[at].text;
  return word == "none" || word == "nobody" || word == "noone" ||
         (word == "1" && at > 0 && words[at - 1].text == "no");
}

/// Of a "no" at its front: "No, …", "No there are none".
bool front_answers(const Words& words) {
  constexpr std::array<std::string_view, 4> kStarts = {"there", "i", "it", "they"};
  return words.front().after != Break::kNone || words.size() == 1 ||
         std::find(kStarts.begin(), kStarts.end(), words[1].text) != kStarts.end();
}

}  // namespace

std::vector<std::string> fact_words(std::string_view text) {
  return texts_of(canonical_words(text));
}

bool tells(std::string_view answer, std::string_view fact) {
  const StatedText text(answer);
  const FactWords wanted = fact_of_phrase(fact);
  for (std::size_t at = 0; at < text.words.size(); ++at) {
    if (const auto mention = mention_at(text, at, wanted); mention && mention->count > 0) {
      return true;
    }
  }
  return false;
}

std::optional<bool> tells_people(std::string_view answer) {
  const StatedText text(answer);
  const Words& words = text.words;
  if (words.empty()) {
    return std::nullopt;
  }
  if (words.front().text == "yes") {
    return true;
  }
  if (words.front().text == "no" && front_answers(words)) {
    return false;
  }
  bool denied = false;
  for (std::size_t at = 0; at < words.size(); ++at) {
    if (is_nobody(words, at)) {
      denied = true;
    } else if (kPeople.contains(words[at].text) && text.stance[at] != Stance::kOpen) {
      const bool absent = text.stance[at] == Stance::kDenied || is_absent(words, at + 1);
      if (!absent && (at == 0 || words[at - 1].text != "0")) {
        return true;
      }
      denied = true;
    }
  }
  return denied ? std::optional(false) : std::nullopt;
}

double token_f1(std::string_view a, std::string_view b) {
  const std::vector<std::string> first = fact_words(a);
  const std::vector<std::string> second = fact_words(b);
  if (first.empty() || second.empty()) {
    return first.empty() && second.empty() ? 1.0 : 0.0;
  }
  std::map<std::string, std::size_t> left;
  for (const std::string& word : first) {
    ++left[word];
  }
  std::size_t shared = 0;
  for (const std::string& word : second) {
    if (const auto found = left.find(word); found != left.end() && found->second > 0) {
      --found->second;
      ++shared;
    }
  }
  // 2PR / (P + R) with P and R over the two lengths.
  return 2.0 * static_cast<double>(shared) / static_cast<double>(first.size() + second.size());
}

}  // namespace headroom::scoring
