#include "run/describe_results.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/grouped.h"
#include "datasets/describe.h"
#include "memory/cleanup_policy.h"

namespace headroom::run {

namespace {

/// Collects what the text-only prompts came to.
class Capability {
 public:
  void add(const AnswerRecord* record) {
    ++prompts_;
    if (record == nullptr) {
      ++pending_;
      return;
    }
    const worker::Answer& answer = record->answer;
    if (answer.outcome == Outcome::kAnswered) {
      ++answered_;
      empty_ += scoring::is_empty_answer(answer.text) ? 1 : 0;
      return;
    }
    if (answer.error_code == kPictureNeeded) {
      ++refused_;
      refusal_ = answer.error;
    } else if (failure_.empty()) {
      failure_ = fmt::format("{}: {}", to_string(answer.outcome), answer.error);
    }
  }

  void tell(DescribeResults& results) const {
    results.text_prompts = prompts_;
    results.text_answered = answered_;
    if (prompts_ == 0 || pending_ > 0) {
      return;
    }
    if (refused_ == prompts_) {
      results.text_only = Support::kUnsupported;
      results.text_only_reason = refusal_;
    } else if (answered_ < prompts_) {
      results.text_only = Support::kFailed;
      results.text_only_reason = failure_.empty() ? refusal_ : failure_;
    } else if (empty_ > 0) {
      results.text_only = Support::kFailed;
      results.text_only_reason =
          fmt::format("{} of {} have no word", empty_, counted(prompts_, "answer"));
    } else {
      results.text_only = Support::kSupported;
    }
  }

 private:
  std::uint64_t prompts_ = 0;
  std::uint64_t pending_ = 0;
  std::uint64_t answered_ = 0;
  std::uint64_t empty_ = 0;
  std::uint64_t refused_ = 0;
  std::string refusal_;
  std::string failure_;
};

/// A first token is the prefill's: answers of one token are not decoded, and their speed is none.
constexpr double kLeastDecoding = 0.001;

void add_flags(const worker::Answer& answer, DescribeResults& results) {
  FlaggedAnswer flagged{answer.id, flags_of(answer), {}};
  for (const AnswerFlag flag : flagged.flags) {
    switch (flag) {
      case AnswerFlag::kEmpty:
        ++results.empty;
        break;
      case AnswerFlag::kCutOff:
        ++results.cut_off;
        break;
      case AnswerFlag::kRepetition:
        ++results.repetitions;
        if (const auto found = scoring::find_repetition(answer.text)) {
          flagged.detail = fmt::format("'{}' {} times in a row", found->words, found->times);
        }
        break;
    }
  }
  results.flagged_count += flagged.flags.empty() ? 0 : 1;
  if (!flagged.flags.empty() && results.flagged.size() < DescribeResults::kFlaggedListed) {
    results.flagged.push_back(std::move(flagged));
  }
}

void add_facts(const ItemRecord& item, const AnswerRecord& record, DescribeResults& results) {
  const std::vector<scoring::Fact>& facts = item.item.truth.facts;
  if (facts.empty()) {
    return;
  }
  const bool answered = record.answer.outcome == Outcome::kAnswered;
  const scoring::FactRecall recall =
      scoring::recall_facts(facts, answered ? record.answer.text : std::string());
  ++results.pictures_with_facts;
  results.facts.facts += recall.facts;
  results.facts.told += recall.told;
  results.facts.placed += recall.placed;
  results.facts.with_place += recall.with_place;
  results.facts_of_described += answered ? recall.facts : 0;
}

/// The counter and limit are those of the stretch that the readings belong to.
void add_memory(const JournalReader& journal, std::uint32_t model, MemoryMarks& marks) {
  const auto total = [&marks](const std::optional<memory::Reading>& reading) {
    const auto in_use = reading ? memory::usage(*reading, marks.counter, Bytes()) : std::nullopt;
    return in_use ? std::optional(in_use->total()) : std::nullopt;
  };
  journal.for_each_memory_event([&](MemoryRecord&& record) {
    const memory::MemoryEvent& event = record.event;
    if (record.model != model) {
      return;
    }
    if (event.kind == memory::MemoryEvent::Kind::kBudget) {
      const bool device = event.numbers.value("counter", std::string()) ==
                          memory::to_string(memory::Counter::kDevice);
      marks.counter = device ? memory::Counter::kDevice : memory::Counter::kFootprint;
    } else if (event.kind == memory::MemoryEvent::Kind::kLoad) {
      marks.before_load = total(event.before);
      marks.after.reset();
      marks.after_clean_up.reset();
    } else if (event.kind == memory::MemoryEvent::Kind::kUnload) {
      marks.after = total(event.before);
      marks.after_clean_up = total(event.after);
    }
  });
}

}  // namespace

std::string_view to_string(AnswerFlag flag) {
  switch (flag) {
    case AnswerFlag::kEmpty:
      return "empty";
    case AnswerFlag::kCutOff:
      return "cut-off";
    case AnswerFlag::kRepetition:
      return "repetition";
  }
  return "empty";
}

std::vector<AnswerFlag> flags_of(const worker::Answer& answer) {
  std::vector<AnswerFlag> flags;
  if (answer.outcome != Outcome::kAnswered) {
    return flags;
  }
  if (scoring::is_empty_answer(answer.text)) {
    flags.push_back(AnswerFlag::kEmpty);
  }
  if (!answer.stopped) {
    flags.push_back(AnswerFlag::kCutOff);
  }
  if (scoring::find_repetition(answer.text)) {
    flags.push_back(AnswerFlag::kRepetition);
  }
  return flags;
}

std::optional<double> DescribeResults::tokens_per_second() const {
  if (generated_tokens == 0 || decode_seconds < kLeastDecoding) {
    return std::nullopt;
  }
  return static_cast<double>(generated_tokens) / decode_seconds;
}

DescribeResults describe_results(const JournalReader& journal, std::uint32_t model) {
  DescribeResults results;
  Capability capability;
  std::vector<scoring::Captioned> corpus;
  const auto see = [&](const ItemRecord& item, const AnswerRecord* record) {
    if (record != nullptr && record->answer.outcome == Outcome::kAnswered) {
      results.generated_tokens += record->answer.generated_tokens();
      results.decode_seconds += record->answer.seconds.decode;
      add_flags(record->answer, results);
    }
    if (item.item.arm == datasets::kWithoutPictureArm) {
      capability.add(record);
      return;
    }
    ++results.pictures;
    results.captioned += item.item.truth.references.empty() ? 0 : 1;
    if (record == nullptr) {
      ++results.pending;
      return;
    }
    add_facts(item, *record, results);
    if (record->answer.outcome == Outcome::kAnswered) {
      ++results.described;
      corpus.push_back({record->answer.text, item.item.truth.references});
    }
  };
  journal.for_each_answer(model, JournalReader::Readings::kSkip, see);
  capability.tell(results);
  results.captions = scoring::score_captions(corpus);
  add_memory(journal, model, results.memory);
  return results;
}

}  // namespace headroom::run
