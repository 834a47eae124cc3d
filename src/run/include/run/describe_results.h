#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "memory/budget.h"
#include "run/journal.h"
#include "run/support.h"
#include "scoring/captions.h"
#include "scoring/description.h"

namespace headroom::run {

/// What looks wrong with an answer without knowing what is right.
enum class AnswerFlag {
  kEmpty,       ///< no word in it
  kCutOff,      ///< ended by --max-tokens, not by the model
  kRepetition,  ///< scoring::find_repetition
};
/// "empty", "cut-off", "repetition".
std::string_view to_string(AnswerFlag flag);

/// Of an answered item; none of any other.
std::vector<AnswerFlag> flags_of(const worker::Answer& answer);

struct FlaggedAnswer {
  std::string id;
  std::vector<AnswerFlag> flags;
  std::string detail;  ///< of a repetition: what is repeated, and how often
};

/// What all processes of the run held, by the budget's counter.
struct MemoryMarks {
  memory::Counter counter = memory::Counter::kFootprint;
  std::optional<Bytes> before_load;
  std::optional<Bytes> after;           ///< the last answer, the model still loaded
  std::optional<Bytes> after_clean_up;  ///< the model unloaded
};

/// What TestKind::kDescribe says of one model: a pure function of the journal.
struct DescribeResults {
  std::uint64_t pictures = 0;   ///< of the run
  std::uint64_t described = 0;  ///< of them, answered
  std::uint64_t pending = 0;    ///< of them, not asked yet

  /// Whether the model can be asked without a picture. kNotAsked: the prompts were left out, or
  /// have not all ended yet; kSupported: each of them has an answer with words in it.
  Support text_only = Support::kNotAsked;
  std::string text_only_reason;  ///< why unsupported or failed
  std::uint64_t text_prompts = 0;
  std::uint64_t text_answered = 0;

  std::uint64_t generated_tokens = 0;  ///< of all answers, pictures and texts, stop tokens
                                       ///< included; by a server's own count where it tells no ids
  double decode_seconds = 0;           ///< of the same
  MemoryMarks memory;                  ///< of the last stretch

  /// Described pictures that have captions; of `captioned` pictures with captions.
  std::optional<scoring::CaptionScores> captions;
  std::uint64_t captioned = 0;
  /// Facts of all pictures that have ended; what was not described tells none of them.
  scoring::FactRecall facts;
  std::uint64_t facts_of_described = 0;  ///< facts of the described pictures alone
  std::uint64_t pictures_with_facts = 0;

  std::vector<FlaggedAnswer> flagged;  ///< the first kFlaggedListed, in order
  std::uint64_t flagged_count = 0;     ///< answers with any flag, each counted once
  std::uint64_t empty = 0;
  std::uint64_t cut_off = 0;
  std::uint64_t repetitions = 0;

  static constexpr std::size_t kFlaggedListed = 1000;

  /// Generated tokens divided by the seconds of decoding; nothing below a thousandth of one.
  std::optional<double> tokens_per_second() const;
};

DescribeResults describe_results(const JournalReader& journal, std::uint32_t model);

}  // namespace headroom::run
