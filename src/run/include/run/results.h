#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/errors.h"
#include "run/context_results.h"
#include "run/describe_results.h"
#include "run/journal.h"
#include "scoring/paired.h"
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

/// One phase's seconds over the answered questions. Of the median and the p95 the lower of two
/// neighbours counts.
struct PhaseTime {
  double mean = 0;
  double median = 0;
  double p95 = 0;
};

/// How long a question took. A group's shared work is divided among its questions by the engine.
struct QuestionTimes {
  std::uint64_t count = 0;  ///< answered questions
  PhaseTime preprocess;
  PhaseTime encode;
  PhaseTime prefill;
  PhaseTime decode;
  PhaseTime together;
};

/// Accuracy within sets of one picture's questions; those without a picture are in none.
struct PictureCounts {
  std::uint64_t count = 0;      ///< sets of pictures with a scored question
  std::uint64_t all_right = 0;  ///< every scored question is correct
  std::uint64_t none_right = 0;
};

/// The accuracy of one type of question.
struct TypeAccuracy {
  scoring::Estimate asked;  ///< what was not answered counts as wrong
  std::optional<scoring::Estimate> answered;
};

/// What a model did in a run: a pure function of the journal, re-computable at any time.
struct ModelResults {
  ModelRecord model;
  std::uint64_t items = 0;    ///< of the run
  std::uint64_t pending = 0;  ///< not asked yet; in none of the counts below
  scoring::Counts counts;     ///< of the items that have ended
  /// Of those among them that the test is about (datasets::is_judged): of dialogues in several arms
  /// the follow-ups with history. So are all accuracies and divisions below.
  scoring::Counts judged;
  std::optional<scoring::Estimate> accuracy;  ///< what was not answered counts as wrong
  std::optional<scoring::Estimate> accuracy_answered;
  /// By RunResults::second_metric; nothing without one.
  std::optional<scoring::Estimate> second_accuracy;
  /// Accuracy by the data's own types, in alphabetic order; empty when it has none.
  std::map<std::string, TypeAccuracy> by_answer_type;
  std::map<std::string, TypeAccuracy> by_question_type;
  PictureCounts pictures;

  /// Answered, divided by the time spent asking (loads excluded). Nothing before the first answer.
  std::optional<double> questions_per_second;
  double asking_seconds = 0;
  worker::PhaseSeconds phases;  ///< summed over all answers
  QuestionTimes times;
  double load_seconds = 0;
  double other_seconds = 0;  ///< asking that no phase accounts for
  /// How many of the answers each of model.earlier gave, in that order.
  std::vector<std::uint64_t> earlier_answers;
  /// Of the unanswered, those of an arm without a picture that tell that the model needs one: a
  /// finding of the test, which is not held against the run.
  std::uint64_t unsupported = 0;
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
  std::optional<DescribeResults> describe;  ///< of TestKind::kDescribe
  std::optional<ContextResults> context;    ///< of TestKind::kContext

  bool finished() const { return pending == 0; }

  /// Whether an item has ended.
  bool begun() const { return pending < items; }

  /// Nothing without a budget or a measured peak.
  std::optional<bool> budget_kept() const;
};

/// Of the models that were asked everything, the one with the highest accuracy, and each other one
/// against it, on the same questions (those that an accuracy is of).
struct Best {
  std::uint32_t model = 0;  ///< index into RunResults::models; of equals the first asked

  struct Against {
    std::uint32_t model = 0;
    scoring::PairedResult paired;  ///< the best is its first
  };

  std::vector<Against> others;  ///< in the order of asking
};

struct RunResults {
  RunRecord run;
  std::string metric;         ///< scored by
  std::string second_metric;  ///< shown beside it; empty: none
  std::vector<ModelResults> models;
  std::optional<Best> best;  ///< nothing below two models with an accuracy
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
/// unanswered (ModelResults::unsupported apart) or pending, else 4 an accuracy below `fail_under`
/// percent (or none at all), else 0.
ExitCode exit_code_of(const RunResults& results, std::optional<double> fail_under);

}  // namespace headroom::run
