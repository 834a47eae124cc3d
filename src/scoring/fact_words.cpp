#include "scoring/fact_words.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <set>
#include <utility>

#include "unicode.h"

namespace headroom::scoring {

namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kSpellings = {{
    {"zero", "0"},
    {"one", "1"},
    {"two", "2"},
    {"three", "3"},
    {"four", "4"},
    {"five", "5"},
    {"six", "6"},
    {"seven", "7"},
    {"eight", "8"},
    {"nine", "9"},
    {"ten", "10"},
    {"eleven", "11"},
    {"twelve", "12"},
    {"grey", "gray"},
}};

const std::set<std::string, std::less<>> kDenials = {"no", "not", "without", "cannot"};

const std::set<std::string, std::less<>> kPeople = {
    "person",   "persons", "people",   "human",      "humans",     "man",    "men",
    "woman",    "women",   "boy",      "boys",       "girl",       "girls",  "child",
    "children", "kid",     "kids",     "baby",       "adult",      "adults", "anyone",
    "anybody",  "someone", "somebody", "lady",       "ladies",     "guy",    "guys",
    "player",   "players", "crowd",    "pedestrian", "pedestrians"};

bool in_word(unsigned char c) { return std::isalnum(c) != 0 || c >= 0x80 || c == '\''; }

std::string spelt(std::string word) {
  while (word.starts_with('\'')) {
    word.erase(0, 1);
  }
  while (word.ends_with('\'')) {
    word.pop_back();
  }
  const auto* const known = std::find_if(
      kSpellings.begin(), kSpellings.end(), [&](const auto& pair) { return pair.first == word; });
  return known == kSpellings.end() ? word : std::string(known->second);
}

bool same_or_plural(std::string_view said, std::string_view word) {
  return said == word || (said.starts_with(word) &&
                          (said.substr(word.size()) == "s" || said.substr(word.size()) == "es"));
}

}  // namespace

std::vector<std::string> fact_words(std::string_view text) {
  const std::string lowered = lower(text);
  std::vector<std::string> words;
  std::string word;
  const auto finish = [&] {
    if (std::string done = spelt(std::move(word)); !done.empty()) {
      words.push_back(std::move(done));
    }
    word.clear();
  };
  for (const char c : lowered) {
    if (in_word(static_cast<unsigned char>(c))) {
      word.push_back(c);
    } else {
      finish();
    }
  }
  finish();
  return words;
}

bool tells(const std::vector<std::string>& answer, const std::vector<std::string>& fact) {
  if (fact.empty()) {
    return false;
  }
  for (std::size_t at = 0; at + fact.size() <= answer.size(); ++at) {
    const auto first = answer.begin() + static_cast<std::ptrdiff_t>(at);
    if (std::equal(fact.begin(), fact.end() - 1, first) &&
        same_or_plural(*(first + static_cast<std::ptrdiff_t>(fact.size() - 1)), fact.back())) {
      return true;
    }
  }
  return false;
}

std::optional<bool> tells_people(std::string_view answer) {
  const std::vector<std::string> words = fact_words(answer);
  if (words.empty()) {
    return std::nullopt;
  }
  if (words.front() == "yes" || words.front() == "no") {
    return words.front() == "yes";
  }
  const auto denies = [](const std::string& word) {
    return kDenials.contains(word) || word.ends_with("n't");
  };
  const auto is_nobody = [](const std::string& word) { return word == "none" || word == "nobody"; };
  const auto is_people = [](const std::string& word) { return kPeople.contains(word); };
  const auto any = [&](const auto& kind) { return std::any_of(words.begin(), words.end(), kind); };
  if (any(is_nobody)) {
    return false;
  }
  return any(is_people) ? std::optional<bool>(!any(denies)) : std::nullopt;
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
