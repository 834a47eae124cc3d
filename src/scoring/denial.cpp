#include "denial.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace headroom::scoring {

namespace {

using View = std::string_view;

constexpr std::array<View, 10> kDenials = {
    "no", "not", "without", "cannot", "never", "neither", "nor", "none", "lacks", "lacking"};

/// "not only" and the like say what follows.
constexpr std::array<View, 4> kMerely = {"only", "just", "merely", "simply"};

constexpr std::array<View, 16> kTurns = {"but",
                                         "while",
                                         "whereas",
                                         "although",
                                         "though",
                                         "however",
                                         "yet",
                                         "because",
                                         "except",
                                         "besides",
                                         "only",
                                         "just",
                                         "merely",
                                         "simply",
                                         "instead",
                                         "than"};

/// Behind a comma or "and", where something begins anew.
constexpr std::array<View, 7> kOpenings = {"a", "an", "another", "some", "there", "it", "they"};
/// Behind a comma alone: "I cannot see the dog and the cat" goes on.
constexpr std::array<View, 16> kCommaOpenings = {"the",
                                                 "this",
                                                 "that",
                                                 "these",
                                                 "those",
                                                 "he",
                                                 "she",
                                                 "we",
                                                 "i",
                                                 "you",
                                                 "in",
                                                 "on",
                                                 "at",
                                                 "to",
                                                 "its",
                                                 "which"};

constexpr std::array<View, 9> kUnsure = {
    "tell", "determine", "say", "know", "sure", "certain", "confirm", "clear", "whether"};

constexpr std::array<View, 17> kVerbs = {"is",
                                         "are",
                                         "was",
                                         "were",
                                         "be",
                                         "been",
                                         "do",
                                         "does",
                                         "did",
                                         "can",
                                         "could",
                                         "appear",
                                         "appears",
                                         "seem",
                                         "seems",
                                         "to",
                                         "actually"};
constexpr std::array<View, 12> kPresent = {"visible",
                                           "present",
                                           "seen",
                                           "shown",
                                           "there",
                                           "found",
                                           "depicted",
                                           "included",
                                           "pictured",
                                           "apparent",
                                           "exist",
                                           "appear"};
constexpr std::array<View, 3> kAbsent = {"absent", "missing", "nowhere"};
constexpr std::array<View, 6> kPictures = {
    "image", "picture", "photo", "photograph", "scene", "drawing"};

template <std::size_t N>
bool is_one_of(const std::array<View, N>& list, View word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

View word_at(const Words& words, std::size_t at) {
  return at < words.size() ? View(words[at].text) : View();
}

View word_before(const Words& words, std::size_t at) {
  return at == 0 ? View() : View(words[at - 1].text);
}

bool is_denial(View word) { return is_one_of(kDenials, word) || word.ends_with("n't"); }

bool denies(const Words& words, std::size_t at) {
  const View word = words[at].text;
  if (word == "no") {
    const bool begins = at == 0 || words[at - 1].after != Break::kNone;
    return !begins || words[at].after == Break::kNone;
  }
  if (word == "not") {
    return !is_one_of(kMerely, word_at(words, at + 1));
  }
  return is_denial(word) || (word == "of" && word_before(words, at) == "instead") ||
         (word == "than" && word_before(words, at) == "rather");
}

bool is_figures(View word) {
  return !word.empty() && word.find_first_not_of("0123456789") == View::npos;
}

/// Whether what was denied up to here is so no more.
bool begins_anew(const Words& words, std::size_t at) {
  const View word = words[at].text;
  if (is_one_of(kTurns, word)) {
    return true;
  }
  const bool comma = at > 0 && words[at - 1].after == Break::kClause;
  const bool opens = is_one_of(kOpenings, word) || is_figures(word);
  return (opens && (comma || word_before(words, at) == "and")) ||
         (comma && is_one_of(kCommaOpenings, word));
}

}  // namespace

std::vector<Stance> stances(const Words& words) {
  std::vector<Stance> all;
  all.reserve(words.size());
  Stance now = Stance::kSaid;
  for (std::size_t at = 0; at < words.size(); ++at) {
    const bool sentence = at > 0 && words[at - 1].after == Break::kSentence;
    if (sentence || begins_anew(words, at)) {
      now = Stance::kSaid;
    }
    if (now == Stance::kDenied && is_one_of(kUnsure, words[at].text)) {
      now = Stance::kOpen;
    }
    all.push_back(now);
    if (denies(words, at)) {
      now = Stance::kDenied;
    }
  }
  return all;
}

bool is_absent(const Words& words, std::size_t end) {
  bool denied = false;
  for (std::size_t at = end; at < words.size(); ++at) {
    if (at > 0 && words[at - 1].after == Break::kSentence) {
      return false;
    }
    const View word = words[at].text;
    if (is_denial(word)) {
      denied = true;
    } else if (is_one_of(kAbsent, word)) {
      return !denied;
    } else if (denied && is_one_of(kPresent, word)) {
      return true;
    } else if (denied && word == "in") {
      return is_one_of(kPictures, word_at(words, at + 2));
    } else if (!is_one_of(kVerbs, word)) {
      return false;
    }
  }
  return false;
}

}  // namespace headroom::scoring
