#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/errors.h"
#include "run/journal.h"
#include "scoring/score.h"
#include "scoring/tally.h"
#include "worker/messages.h"

namespace headroom::run {

/// Why items have no answer: those with one and the same error text.
struct FailureReason {
  std::string reason;
  std::uint64_t count = 0;
  std::vector<std::string> ids;  ///< at most 3, in order
};

/// What a model did in a run: a pure function of the journal, re-computable at any time.
struct ModelResults {
  ModelRecord model;
  std::uint64_t items = 0;                    ///< of the run
  std::uint64_t pending = 0;                  ///< not asked yet; in none of the counts below
  scoring::Counts counts;                     ///< of the items that have ended
  std::optional<scoring::Estimate> accuracy;  ///< what was not answered counts as wrong
  std::optional<scoring::Estimate> accuracy_answered;
  /// Accuracy by the data's own answer types, in alphabetic order; empty when it has none.
  std::map<std::string, scoring::Estimate> by_answer_type;

  /// Answered, divided by the time spent asking (loads excluded). Nothing before the first answer.
  std::optional<double> questions_per_second;
  double asking_seconds = 0;
  worker::PhaseSeconds phases;  ///< summed over all answers
  double load_seconds = 0;
  double other_seconds = 0;  ///< asking that no phase accounts for
  /// How many of the answers each of model.earlier gave, in that order.
  std::vector<std::uint64_t> earlier_answers;
  std::uint64_t superseded = 0;  ///< answers set aside, in none of the counts

  // Of the stretch that came nearest to its own budget (JournalReader::nearest_peak).
  std::optional<Bytes> budget;
  std::optional<Bytes> planned_peak;
  std::optional<Bytes> measured_peak;
  std::uint64_t cleanups = 0;
  std::int64_t cleanups_freed_bytes = 0;
  std::uint64_t worker_restarts = 0;
  std::optional<std::int64_t> unload_freed_bytes;
  std::string unload_text;                  ///< what the last unload proved
  std::vector<std::string> unanswered_ids;  ///< at most 1,000, in order
  std::vector<FailureReason> reasons;       ///< the first 5 different ones, by first item

  bool finished() const { return pending == 0; }

  /// Nothing without a budget or a measured peak.
  std::optional<bool> budget_kept() const;
};

struct RunResults {
  RunRecord run;
  std::string metric;  ///< scored by
  std::vector<ModelResults> models;
};

/// The state that the journal has stored, but "running" only while somebody writes it: a killed run
/// is interrupted.
RunState present_state(const RunRecord& run, const std::filesystem::path& folder);

/// Nothing when the item was not answered, or nobody knows the answer.
std::optional<scoring::Score> score_of(const scoring::Scorer& scorer,
                                       const ItemRecord& item,
                                       const AnswerRecord& answer);

/// Scores are worked out anew, by the run's metric or by `metric` when given; the state is the
/// present one.
RunResults results_of(const JournalReader& journal, const std::string& metric = {});

/// The exit code that a finished or stopped run deserves: 5 a budget was broken, else 3 some items
/// unanswered or pending, else 4 an accuracy below `fail_under` percent (or none at all), else 0.
ExitCode exit_code_of(const RunResults& results, std::optional<double> fail_under);

}  // namespace headroom::run
