#include "run/results.h"

#include <algorithm>

#include "comparison.h"
#include "datasets/dialogue.h"
#include "run/folder.h"
#include "run/question_times.h"
#include "scoring/profile.h"
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

/// One type's scores.
struct TypeMeans {
  scoring::ClusteredMean asked;
  scoring::ClusteredMean answered;

  void add(const std::optional<scoring::Score>& score, const std::string& cluster) {
    asked.add(score ? score->value : 0.0, cluster);
    if (score) {
      answered.add(score->value, cluster);
    }
  }
};

std::map<std::string, TypeAccuracy> accuracies_of(const std::map<std::string, TypeMeans>& types) {
  std::map<std::string, TypeAccuracy> accuracies;
  for (const auto& [type, means] : types) {
    if (const auto asked = means.asked.estimate()) {
      accuracies.emplace(type, TypeAccuracy{*asked, means.answered.estimate()});
    }
  }
  return accuracies;
}

/// Accuracies of the scored questions in their several divisions.
class Divisions {
 public:
  /// Of an item that can be scored. `score`: nothing when there is no answer, which counts as 0.
  void add(const ItemRecord& item,
           const std::optional<scoring::Score>& score,
           const std::optional<scoring::Score>& second) {
    const scoring::Truth& truth = item.item.truth;
    const std::string cluster = std::to_string(item.place.cluster);
    if (!truth.answer_type.empty()) {
      by_answer_type_[truth.answer_type].add(score, cluster);
    }
    if (!truth.question_type.empty()) {
      by_question_type_[truth.question_type].add(score, cluster);
    }
    second_.add(second ? second->value : 0.0, cluster);
    if (item.item.pictures.empty()) {
      return;
    }
    auto& [questions, right] = pictures_[item.place.cluster];
    ++questions;
    right += score && score->verdict == scoring::Verdict::kCorrect ? 1 : 0;
  }

  void put(ModelResults& results, bool has_second) const {
    results.by_answer_type = accuracies_of(by_answer_type_);
    results.by_question_type = accuracies_of(by_question_type_);
    if (has_second) {
      results.second_accuracy = second_.estimate();
    }
    results.pictures.count = pictures_.size();
    for (const auto& [cluster, counts] : pictures_) {
      results.pictures.all_right += counts.first == counts.second ? 1 : 0;
      results.pictures.none_right += counts.second == 0 ? 1 : 0;
    }
  }

 private:
  std::map<std::string, TypeMeans> by_answer_type_;
  std::map<std::string, TypeMeans> by_question_type_;
  scoring::ClusteredMean second_;
  std::map<std::uint32_t, std::pair<std::uint64_t, std::uint64_t>> pictures_;
};

void score_answers(const JournalReader& journal,
                   const scoring::Scorer& scorer,
                   const scoring::Scorer* second,
                   ModelResults& results) {
  scoring::Tally all;
  scoring::Tally judged;
  Divisions divisions;
  TimeTally times;
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
        const bool known = scorer.can_score(item.item.truth);
        const std::optional<scoring::Score> score = score_of(scorer, item, *answer);
        const std::string cluster = std::to_string(item.place.cluster);
        all.add(answer->answer.outcome, known, score, cluster);
        const bool is_judged = datasets::is_judged(item.item);
        if (is_judged) {
          judged.add(answer->answer.outcome, known, score, cluster);
        }
        if (is_judged && known) {
          divisions.add(
              item, score, second != nullptr ? score_of(*second, item, *answer) : std::nullopt);
        }
        if (answer->answer.outcome != Outcome::kAnswered) {
          add_reason(answer->answer, results.reasons);
          results.unsupported +=
              answer->answer.error_code == kPictureNeeded && !item.item.arm.empty() ? 1 : 0;
        }
        add_phases(results.phases, answer->answer.seconds);
        count_earlier(answer->asked_at, results);
        if (answer->answer.outcome == Outcome::kAnswered) {
          times.add(answer->answer.seconds);
        }
      });
  results.counts = all.counts();
  results.judged = judged.counts();
  results.accuracy = judged.accuracy();
  results.accuracy_answered = judged.accuracy_answered();
  divisions.put(results, second != nullptr);
  results.times = times.result();
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
  if (answer.answer.outcome != Outcome::kAnswered || !scorer.can_score(item.item.truth)) {
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
  results.second_metric = scoring::second_metric(results.metric);
  const auto second =
      results.second_metric.empty() ? nullptr : scoring::make_scorer(results.second_metric);
  for (ModelRecord& model : journal.models()) {
    ModelResults one;
    const PeakRecord peak = journal.nearest_peak(model.no);
    one.budget = peak.budget;
    one.planned_peak = peak.planned;
    one.measured_peak = peak.measured;
    one.superseded = journal.superseded_count(model.no);
    one.unanswered_ids = journal.unanswered_ids(model.no, kUnansweredListed);
    one.model = std::move(model);
    score_answers(journal, *scorer, second.get(), one);
    add_speed(journal, one);
    if (results.run.spec.test == TestKind::kDescribe) {
      one.describe = describe_results(journal, one.model.no);
    }
    if (results.run.spec.test == TestKind::kContext) {
      one.context = context_results(journal, one.model.no, *scorer);
    }
    results.models.push_back(std::move(one));
  }
  add_memory(journal, results.models);
  results.best = compare_models(journal, *scorer, results.models);
  return results;
}

ExitCode exit_code_of(const RunResults& results, std::optional<double> fail_under) {
  bool all_answered = true;
  bool high_enough = true;
  for (const ModelResults& model : results.models) {
    if (!model.budget_kept().value_or(true)) {
      return ExitCode::kDoesNotFit;
    }
    all_answered =
        all_answered && model.pending == 0 && model.counts.unanswered() == model.unsupported;
    high_enough = high_enough && (!fail_under || (model.accuracy.has_value() &&
                                                  model.accuracy->mean * 100.0 >= *fail_under));
  }
  if (!all_answered) {
    return ExitCode::kSomeUnanswered;
  }
  return high_enough ? ExitCode::kAllAnswered : ExitCode::kBelowFailUnder;
}

}  // namespace headroom::run
