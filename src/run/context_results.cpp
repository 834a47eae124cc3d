#include "run/context_results.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "base/outcome.h"
#include "datasets/dialogue.h"
#include "run/results.h"
#include "scoring/fact_words.h"

namespace headroom::run {

namespace {

constexpr std::array kArms = {datasets::kHistoryArm, datasets::kTextArm, datasets::kNoneArm};

/// One item as far as it is compared.
struct Said {
  std::string question;
  bool ended = false;
  std::optional<std::string> answer;
  std::string error_code;
  bool has_facts = false;
  double score = 0;
};

/// By picture, in the order of the data, then by turn.
using Turns = std::map<std::uint32_t, Said>;

struct Spoken {
  std::vector<std::string> pictures;
  std::map<std::string, std::map<std::string, Turns, std::less<>>> by_picture;
};

Spoken read(const JournalReader& journal, std::uint32_t model, const scoring::Scorer& scorer) {
  Spoken spoken;
  journal.for_each_answer(model,
                          JournalReader::Readings::kSkip,
                          [&](const ItemRecord& record, const AnswerRecord* answer) {
                            const datasets::Item& item = record.item;
                            const std::string picture = datasets::picture_of_dialogue(item);
                            const auto [entry, fresh] = spoken.by_picture.try_emplace(picture);
                            if (fresh) {
                              spoken.pictures.push_back(picture);
                            }
                            Said& said = entry->second[item.arm][item.turn];
                            said.question = item.question;
                            said.has_facts = !item.truth.references.empty();
                            if (answer == nullptr) {
                              return;
                            }
                            said.ended = true;
                            said.error_code = answer->answer.error_code;
                            if (answer->answer.outcome == Outcome::kAnswered) {
                              said.answer = answer->answer.text;
                            }
                            if (const auto score = score_of(scorer, record, *answer)) {
                              said.score = score->value;
                            }
                          });
  return spoken;
}

/// Null when the picture has no such turn in that arm.
const Said* find(const Spoken& spoken,
                 const std::string& picture,
                 std::string_view arm,
                 std::uint32_t turn) {
  const auto& arms = spoken.by_picture.at(picture);
  const auto turns = arms.find(arm);
  if (turns == arms.end()) {
    return nullptr;
  }
  const auto said = turns->second.find(turn);
  return said == turns->second.end() ? nullptr : &said->second;
}

/// The first turn's answer, null without one.
const std::string* description(const Spoken& spoken, const std::string& picture) {
  const Said* const first = find(spoken, picture, datasets::kHistoryArm, 1);
  return first != nullptr && first->answer ? &*first->answer : nullptr;
}

/// Means in progress.
class TurnSums {
 public:
  void add(const Spoken& spoken,
           const std::string& picture,
           std::string_view arm,
           std::uint32_t turn,
           const Said& said) {
    results_.question = said.question;
    ++results_.items;
    results_.answered += said.answer ? 1 : 0;
    if (said.ended && said.has_facts) {
      score_.add(said.score, picture);
    }
    if (!said.answer) {
      return;
    }
    if (said.has_facts) {
      score_answered_.add(said.score, picture);
    }
    const Said* const with = find(spoken, picture, datasets::kHistoryArm, turn);
    if (arm != datasets::kHistoryArm && with != nullptr && with->answer) {
      agreement_.add(scoring::token_f1(*said.answer, *with->answer), picture);
    }
    if (const std::string* const first = description(spoken, picture); turn > 1 && first) {
      consistency_.add(scoring::token_f1(*said.answer, *first), picture);
    }
  }

  TurnResults take(std::uint32_t turn) {
    results_.turn = turn;
    if (turn == 0) {
      results_.question.clear();
    }
    results_.score = score_.estimate();
    results_.score_answered = score_answered_.estimate();
    results_.agreement = agreement_.estimate();
    results_.consistency = consistency_.estimate();
    return std::move(results_);
  }

 private:
  TurnResults results_;
  scoring::ClusteredMean score_;
  scoring::ClusteredMean score_answered_;
  scoring::ClusteredMean agreement_;
  scoring::ClusteredMean consistency_;
};

/// How an arm's items ended.
class SupportCount {
 public:
  void add(const Said& said) {
    ended_ += said.ended ? 1 : 0;
    answered_ += said.answer ? 1 : 0;
    needed_ += said.error_code == kPictureNeeded ? 1 : 0;
  }

  Support support() const {
    if (answered_ > 0) {
      return Support::kSupported;
    }
    if (ended_ == 0) {
      return Support::kNotAsked;
    }
    return needed_ == ended_ ? Support::kUnsupported : Support::kFailed;
  }

 private:
  std::uint64_t ended_ = 0;
  std::uint64_t answered_ = 0;
  std::uint64_t needed_ = 0;  ///< a picture, and had none
};

ArmResults results_of_arm(const Spoken& spoken, std::string_view arm) {
  ArmResults results;
  results.arm = arm;
  TurnSums all;
  std::map<std::uint32_t, TurnSums> turns;
  SupportCount support;
  for (const std::string& picture : spoken.pictures) {
    const auto& arms = spoken.by_picture.at(picture);
    const auto said_in = arms.find(arm);
    if (said_in == arms.end()) {
      continue;
    }
    for (const auto& [turn, said] : said_in->second) {
      turns[turn].add(spoken, picture, arm, turn, said);
      if (turn > 1) {
        all.add(spoken, picture, arm, turn, said);
      }
      support.add(said);
    }
  }
  for (auto& [turn, sums] : turns) {
    results.turns.push_back(sums.take(turn));
  }
  results.follow_ups = all.take(0);
  results.support = support.support();
  return results;
}

/// What a gain compares; nothing without an answer.
std::optional<double> value_of(const Said& said, bool by_facts, const std::string* first) {
  if (!said.answer || (!by_facts && first == nullptr)) {
    return std::nullopt;
  }
  return by_facts ? said.score : scoring::token_f1(*said.answer, *first);
}

ContextGain gain_over(const Spoken& spoken, const ArmResults& other, bool by_facts) {
  ContextGain gain;
  gain.over = other.arm;
  scoring::ClusteredMean differences(scoring::kDifferences);
  for (const std::string& picture : spoken.pictures) {
    const std::string* const first = description(spoken, picture);
    for (const TurnResults& turn : other.turns) {
      const Said* const with = find(spoken, picture, datasets::kHistoryArm, turn.turn);
      const Said* const without = find(spoken, picture, other.arm, turn.turn);
      if (with == nullptr || without == nullptr || (by_facts && !with->has_facts)) {
        continue;
      }
      ++gain.pairs;
      const std::optional<double> a = value_of(*with, by_facts, first);
      const std::optional<double> b = value_of(*without, by_facts, first);
      if (a && b) {
        differences.add(*a - *b, picture);
      } else {
        ++gain.left_out;
      }
    }
  }
  gain.difference = differences.estimate();
  return gain;
}

bool has_facts(const Spoken& spoken) {
  for (const auto& [picture, arms] : spoken.by_picture) {
    for (const auto& [arm, turns] : arms) {
      for (const auto& [turn, said] : turns) {
        if (turn > 1 && said.has_facts) {
          return true;
        }
      }
    }
  }
  return false;
}

}  // namespace

ContextResults context_results(const JournalReader& journal,
                               std::uint32_t model,
                               const scoring::Scorer& scorer) {
  const Spoken spoken = read(journal, model, scorer);
  ContextResults results;
  results.by_facts = has_facts(spoken);
  for (const std::string_view arm : kArms) {
    results.arms.push_back(results_of_arm(spoken, arm));
  }
  for (std::size_t i = 1; i < results.arms.size(); ++i) {
    results.gains.push_back(gain_over(spoken, results.arms[i], results.by_facts));
  }
  return results;
}

}  // namespace headroom::run
