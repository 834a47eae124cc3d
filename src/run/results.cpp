#include "run/results.h"

#include <algorithm>

#include "run/folder.h"
#include "scoring/scorers.h"

namespace headroom::run {

namespace {

constexpr std::size_t kUnansweredListed = 1000;
constexpr std::size_t kReasonsKept = 5;
constexpr std::size_t kIdsOfAReason = 3;

void add_reason(const worker::Answer& answer, std::vector<FailureReason>& reasons) {
  auto found = std::find_if(reasons.begin(), reasons.end(), [&](const FailureReason& known) {
    return known.reason == answer.error;
  });
  if (found == reasons.end()) {
    if (reasons.size() == kReasonsKept) {
      return;
    }
    found = reasons.insert(reasons.end(), {answer.error, 0, {}});
  }
  ++found->count;
  if (found->ids.size() < kIdsOfAReason) {
    found->ids.push_back(answer.id);
  }
}

void add_phases(worker::PhaseSeconds& sum, const worker::PhaseSeconds& one) {
  sum.preprocess += one.preprocess;
  sum.encode += one.encode;
  sum.prefill += one.prefill;
  sum.decode += one.decode;
}

/// An answer belongs to the first of the earlier engines that was still there when it was asked.
void count_earlier(const std::string& asked_at, ModelResults& results) {
  const std::vector<EarlierEngine>& earlier = results.model.earlier;
  for (std::size_t i = 0; i < earlier.size(); ++i) {
    if (asked_at <= earlier[i].until) {
      ++results.earlier_answers[i];
      return;
    }
  }
}

void score_answers(const JournalReader& journal,
                   const scoring::Scorer& scorer,
                   ModelResults& results) {
  scoring::Tally tally;
  std::map<std::string, scoring::ClusteredMean> by_type;
  results.earlier_answers.resize(results.model.earlier.size());
  journal.for_each_answer(
      results.model.no,
      JournalReader::Readings::kSkip,
      [&](const ItemRecord& item, const AnswerRecord* answer) {
        ++results.items;
        if (answer == nullptr) {
          ++results.pending;
          return;
        }
        const bool known = !item.item.truth.references.empty();
        const std::optional<scoring::Score> score = score_of(scorer, item, *answer);
        const std::string cluster = std::to_string(item.place.cluster);
        tally.add(answer->answer.outcome, known, score, cluster);
        if (answer->answer.outcome != Outcome::kAnswered) {
          add_reason(answer->answer, results.reasons);
        }
        add_phases(results.phases, answer->answer.seconds);
        count_earlier(answer->asked_at, results);
        if (known && !item.item.truth.answer_type.empty()) {
          by_type[item.item.truth.answer_type].add(score ? score->value : 0.0, cluster);
        }
      });
  results.counts = tally.counts();
  results.accuracy = tally.accuracy();
  results.accuracy_answered = tally.accuracy_answered();
  for (const auto& [type, mean] : by_type) {
    if (const auto estimate = mean.estimate()) {
      results.by_answer_type.emplace(type, *estimate);
    }
  }
}

void add_speed(const JournalReader& journal, ModelResults& results) {
  results.asking_seconds = journal.asking_seconds(results.model.no);
  results.load_seconds = results.model.load_seconds;
  results.other_seconds = std::max(0.0, results.asking_seconds - results.phases.total());
  if (results.counts.answered() > 0 && results.asking_seconds > 0) {
    results.questions_per_second =
        static_cast<double>(results.counts.answered()) / results.asking_seconds;
  }
}

void add_memory(const JournalReader& journal, std::vector<ModelResults>& models) {
  journal.for_each_memory_event([&](const MemoryRecord& record) {
    if (record.model >= models.size()) {
      return;
    }
    ModelResults& results = models[record.model];
    if (record.event.kind == memory::MemoryEvent::Kind::kClean) {
      ++results.cleanups;
      results.cleanups_freed_bytes += std::max<std::int64_t>(0, record.event.freed.value_or(0));
    } else if (record.event.kind == memory::MemoryEvent::Kind::kUnload) {
      results.unload_freed_bytes = record.event.freed;
      results.unload_text = record.event.reason;
    }
  });
  for (const DeathRecord& death : journal.deaths()) {
    if (death.model < models.size()) {
      ++models[death.model].worker_restarts;
    }
  }
}

}  // namespace

std::optional<bool> ModelResults::budget_kept() const {
  if (!budget || !measured_peak) {
    return std::nullopt;
  }
  return *measured_peak <= *budget;
}

RunState present_state(const RunRecord& run, const std::filesystem::path& folder) {
  return run.state == RunState::kRunning && !is_being_written(folder) ? RunState::kInterrupted
                                                                      : run.state;
}

std::optional<scoring::Score> score_of(const scoring::Scorer& scorer,
                                       const ItemRecord& item,
                                       const AnswerRecord& answer) {
  if (answer.answer.outcome != Outcome::kAnswered || item.item.truth.references.empty()) {
    return std::nullopt;
  }
  return scorer.score(item.item.truth, answer.answer.text);
}

RunResults results_of(const JournalReader& journal, const std::string& metric) {
  RunResults results;
  results.run = journal.run();
  results.run.state = present_state(results.run, journal.folder());
  results.metric = metric.empty() ? results.run.spec.metric : metric;
  const auto scorer = scoring::make_scorer(results.metric);
  for (ModelRecord& model : journal.models()) {
    ModelResults one;
    const PeakRecord peak = journal.nearest_peak(model.no);
    one.budget = peak.budget;
    one.planned_peak = peak.planned;
    one.measured_peak = peak.measured;
    one.superseded = journal.superseded_count(model.no);
    one.unanswered_ids = journal.unanswered_ids(model.no, kUnansweredListed);
    one.model = std::move(model);
    score_answers(journal, *scorer, one);
    add_speed(journal, one);
    results.models.push_back(std::move(one));
  }
  add_memory(journal, results.models);
  return results;
}

ExitCode exit_code_of(const RunResults& results, std::optional<double> fail_under) {
  bool all_answered = true;
  bool high_enough = true;
  for (const ModelResults& model : results.models) {
    if (!model.budget_kept().value_or(true)) {
      return ExitCode::kDoesNotFit;
    }
    all_answered = all_answered && model.pending == 0 && model.counts.unanswered() == 0;
    high_enough = high_enough && (!fail_under || (model.accuracy.has_value() &&
                                                  model.accuracy->mean * 100.0 >= *fail_under));
  }
  if (!all_answered) {
    return ExitCode::kSomeUnanswered;
  }
  return high_enough ? ExitCode::kAllAnswered : ExitCode::kBelowFailUnder;
}

}  // namespace headroom::run
