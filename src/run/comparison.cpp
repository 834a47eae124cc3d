#include "comparison.h"

#include <algorithm>

#include "datasets/dialogue.h"

namespace headroom::run {

namespace {

/// What one model made of one question.
struct Mark {
  double value = 0;
  std::uint32_t cluster = 0;
  bool right = false;
  bool counts = false;  ///< the test is about it, it can be scored and has ended
};

/// By place in the order of asking.
std::vector<Mark> marks_of(const JournalReader& journal,
                           const scoring::Scorer& scorer,
                           std::uint32_t model) {
  std::vector<Mark> marks;
  journal.for_each_answer(model,
                          JournalReader::Readings::kSkip,
                          [&](const ItemRecord& item, const AnswerRecord* answer) {
                            Mark& mark = marks.emplace_back();
                            mark.cluster = item.place.cluster;
                            mark.counts = answer != nullptr && datasets::is_judged(item.item) &&
                                          scorer.can_score(item.item.truth);
                            if (!mark.counts) {
                              return;
                            }
                            if (const auto score = score_of(scorer, item, *answer)) {
                              mark.value = score->value;
                              mark.right = score->verdict == scoring::Verdict::kCorrect;
                            }
                          });
  return marks;
}

std::optional<scoring::PairedResult> paired(const std::vector<Mark>& first,
                                            const std::vector<Mark>& second) {
  scoring::PairedComparison comparison;
  for (std::size_t i = 0; i < std::min(first.size(), second.size()); ++i) {
    if (first[i].counts && second[i].counts) {
      comparison.add(first[i].value,
                     first[i].right,
                     second[i].value,
                     second[i].right,
                     std::to_string(first[i].cluster));
    }
  }
  return comparison.result();
}

}  // namespace

std::optional<Best> compare_models(const JournalReader& journal,
                                   const scoring::Scorer& scorer,
                                   const std::vector<ModelResults>& models) {
  std::optional<std::uint32_t> best;
  std::size_t with_accuracy = 0;
  for (std::uint32_t number = 0; number < models.size(); ++number) {
    const auto& accuracy = models[number].accuracy;
    if (!accuracy) {
      continue;
    }
    ++with_accuracy;
    if (!best || accuracy->mean > models[*best].accuracy->mean) {
      best = number;
    }
  }
  if (!best || with_accuracy < 2) {
    return std::nullopt;
  }
  Best result;
  result.model = *best;
  const std::vector<Mark> first = marks_of(journal, scorer, models[*best].model.no);
  for (std::uint32_t number = 0; number < models.size(); ++number) {
    if (number == *best || !models[number].accuracy) {
      continue;
    }
    if (auto one = paired(first, marks_of(journal, scorer, models[number].model.no))) {
      result.others.push_back({number, *one});
    }
  }
  return result.others.empty() ? std::nullopt : std::optional(std::move(result));
}

}  // namespace headroom::run
