#include "turn_facts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "fact_recall.h"
#include "scoring/fact_words.h"

namespace headroom::scoring {

namespace {

Score people_score(const Truth& truth, std::string_view answer) {
  const std::optional<bool> said = tells_people(answer);
  if (!said) {
    return {Verdict::kUnparsed, 0, {}};
  }
  const std::string word = *said ? "yes" : "no";
  const bool right =
      std::find(truth.references.begin(), truth.references.end(), word) != truth.references.end();
  return {right ? Verdict::kCorrect : Verdict::kWrong, right ? 1.0 : 0.0, word};
}

Score sentence_score(const Truth& truth, std::string_view answer) {
  double best = 0;
  for (const std::string& reference : truth.references) {
    best = std::max(best, token_f1(answer, reference));
  }
  return {best == 1.0 ? Verdict::kCorrect : Verdict::kWrong,
          best,
          fmt::format("{}", fmt::join(fact_words(answer), " "))};
}

}  // namespace

std::optional<Score> TurnFactsScorer::score(const Truth& truth, std::string_view answer) const {
  if (truth.references.empty()) {
    return std::nullopt;
  }
  if (truth.question_type == kPeopleFact) {
    return people_score(truth, answer);
  }
  if (!truth.facts.empty()) {
    return FactRecallScorer().score(truth, answer);  // alike, each wants a mention of its own
  }
  if (truth.question_type == kSentenceFact) {
    return sentence_score(truth, answer);
  }
  std::vector<std::string> told;
  for (const std::string& reference : truth.references) {
    if (tells(answer, reference)) {
      told.push_back(reference);
    }
  }
  const bool all = told.size() == truth.references.size();
  return Score{all ? Verdict::kCorrect : Verdict::kWrong,
               static_cast<double>(told.size()) / static_cast<double>(truth.references.size()),
               fmt::format("{}", fmt::join(told, ", ")),
               FactCount{told.size(), truth.references.size()}};
}

}  // namespace headroom::scoring
