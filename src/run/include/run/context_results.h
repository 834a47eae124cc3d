#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "run/journal.h"
#include "run/support.h"
#include "scoring/score.h"
#include "scoring/statistics.h"

/// What a run of TestKind::kContext says: how much a model takes from the history of a dialogue.
namespace headroom::run {

/// Counts and means of one turn, or of the follow-ups together.
struct TurnResults {
  std::uint32_t turn = 0;   ///< from 1; 0: all follow-ups
  std::string question;     ///< empty for all follow-ups
  std::uint64_t items = 0;  ///< of the run, one a picture
  std::uint64_t answered = 0;
  /// Score against the facts over the ended items that have any; no answer counts 0.
  std::optional<scoring::Estimate> score;
  /// The same over the answered ones.
  std::optional<scoring::Estimate> score_answered;
  /// Token F1 of the answers with those of the arm `history` to the same turns; over pairs of
  /// answers. Nothing in that arm itself.
  std::optional<scoring::Estimate> agreement;
  /// Token F1 of the answers with the first turn's, the description that saw the picture; over
  /// answers of follow-ups.
  std::optional<scoring::Estimate> consistency;
};

struct ArmResults {
  std::string arm;
  /// kSupported: an item has an answer; kUnsupported: each that has ended did so for want of a
  /// picture; kFailed: none has an answer, for other reasons; kNotAsked: none has ended.
  Support support = Support::kNotAsked;
  TurnResults follow_ups;
  std::vector<TurnResults> turns;  ///< by turn
};

/// The arm `history` minus another, follow-up by follow-up of the same picture.
struct ContextGain {
  std::string over;  ///< "text", "none"
  /// Follow-ups of the run that both arms have, and the data know facts about where gains are of
  /// scores.
  std::uint64_t pairs = 0;
  /// Of these, without an answer in one of the two arms, or (where gains are of consistency) to the
  /// first turn: not compared. A missing answer says nothing about what the history is worth.
  std::uint64_t left_out = 0;
  /// Mean difference over the others, with its interval clustered by picture, within -1..1. Nothing
  /// without any.
  std::optional<scoring::Estimate> difference;
};

struct ContextResults {
  /// Whether the data know facts: gains are of scores then, otherwise of consistency.
  bool by_facts = false;
  std::vector<ArmResults> arms;  ///< history, text, none
  std::vector<ContextGain> gains;
};

/// Of one model, a pure function of the journal. Memory: the model's answers.
ContextResults context_results(const JournalReader& journal,
                               std::uint32_t model,
                               const scoring::Scorer& scorer);

}  // namespace headroom::run
