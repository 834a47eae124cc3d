#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace headroom::scoring {

/// What facts and answers are compared by: words in lower case, all punctuation off (an apostrophe
/// stays inside a word, but not the 's of "dog's"), number words zero to twenty as digits, "grey"
/// as "gray", "colour" as "color".
std::vector<std::string> fact_words(std::string_view text);

/// Whether the answer says that there is what the phrase names: the rule of recall_facts()
/// (description.h), by which a denial tells nothing; the phrase's last word is the object, those
/// before it its attribute. A fact without words is never told.
bool tells(std::string_view answer, std::string_view fact);

/// What an answer says about whether there are people. Its first word, if that is "yes", or "no"
/// alone in its clause ("No, …"). Else yes when a word for people (person, people, man, woman,
/// anyone, …) is said without being denied; no when such words are denied, or when "none", "nobody"
/// or "no one" is said. Nothing when it speaks of no people, or leaves them open: "I cannot see an
/// image", "I cannot tell whether there are people".
std::optional<bool> tells_people(std::string_view answer);

/// F1 of the words that two texts share, each counted as often as it occurs in both; 1 for two
/// texts without words, 0 for one. Source: the SQuAD evaluator (Rajpurkar et al. 2016, f1_score) on
/// fact_words instead of its own normalisation.
double token_f1(std::string_view a, std::string_view b);

}  // namespace headroom::scoring
