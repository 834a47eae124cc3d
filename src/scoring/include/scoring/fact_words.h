#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace headroom::scoring {

/// What facts and answers are compared by: words in lower case, punctuation between them off
/// (apostrophes stay inside a word), number words zero to twelve as digits, "grey" as "gray".
std::vector<std::string> fact_words(std::string_view text);

/// Whether the words of `fact` stand in `answer` side by side and in order; the last may be in the
/// plural (-s, -es). A fact without words is never there.
bool tells(const std::vector<std::string>& answer, const std::vector<std::string>& fact);

/// What an answer says about whether there are people: its first word, if that is "yes" or "no";
/// else no when "none" or "nobody" is in it; else, when a word for people is (person, people, man,
/// woman, anyone, …), no beside a denial (no, not, without, cannot, a word on n't) and yes without.
/// Nothing when it speaks of no people at all: "I cannot see an image" says neither.
std::optional<bool> tells_people(std::string_view answer);

/// F1 of the words that two texts share, each counted as often as it occurs in both; 1 for two
/// texts without words, 0 for one. Source: the SQuAD evaluator (Rajpurkar et al. 2016, f1_score) on
/// fact_words instead of its own normalisation.
double token_f1(std::string_view a, std::string_view b);

}  // namespace headroom::scoring
