#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "datasets/item.h"
#include "memory/geometry.h"
#include "run/grouping.h"
#include "run/journal.h"
#include "worker/messages.h"

namespace headroom::run {

/// Width, height and decode bytes: pictures with the same ones cost the same.
using PictureKey = std::tuple<std::uint32_t, std::uint32_t, Bytes>;

/// What a plan needs to know of the groups of a run, found without a model.
struct WorkloadFacts {
  std::uint32_t largest_group = 0;                     ///< questions
  std::map<std::uint32_t, std::uint64_t> text_tokens;  ///< of a conversation, estimated: how many
                                                       ///< have so many
  std::vector<worker::PictureSize> sizes;              ///< each that occurs, once
  std::vector<std::vector<std::size_t>> picture_sets;  ///< indices into `sizes`; each set once
  bool share_prefix = true;      ///< in each group all prompts begin alike up to their last picture
  std::uint64_t unreadable = 0;  ///< pictures without a readable header
  std::string unreadable_reason;  ///< of the first of them
  /// Questions about those pictures (they end in the outcome `image`), and those whose rows have
  /// defects. A picture that is damaged behind its header is found when it is asked about.
  std::uint64_t without_picture = 0;
  std::uint64_t defects = 0;
  std::string first_defect;

  /// The longest text that a model with such a context takes, estimated; 0: any length. A longer
  /// one is no part of a run's plan: nearly all are refused before anything is allocated for them,
  /// and the others are planned when their turn comes.
  std::uint32_t longest_text(std::uint32_t context_tokens) const;
  /// Of how many conversations the text is longer than that.
  std::uint64_t longer_texts(std::uint32_t context_tokens) const;
};

/// Whether a text of so many tokens leaves no room in the context; none is beyond a context of 0.
bool beyond_context(std::uint32_t text_tokens, std::uint32_t context_tokens);

/// One pass over the selected items; looks at each picture file's header, decodes nothing.
/// `answer_tokens`: of an earlier answer in a history, the run's most new tokens; only dialogues
/// have such parts.
WorkloadFacts survey_workload(const datasets::Dataset& dataset,
                              const Selection& selection,
                              std::uint32_t answer_tokens = 0);

/// The same from what a journal holds, with the most new tokens of its specification.
WorkloadFacts survey_workload(const JournalReader& journal);

/// The size of a picture after orientation, and what decoding it holds, rounded up by at most a
/// sixteenth, so that files of about one size share a cost; 0x0 when its header cannot be read,
/// with the reason in `why`.
worker::PictureSize picture_size(const datasets::Picture& picture, std::string* why = nullptr);

/// Tokens of the texts of a conversation and of the template around them, from above for ordinary
/// text: a third of the bytes, 16 for each message, and `answer_tokens` for each answer that is not
/// there yet.
std::uint32_t estimate_text_tokens(const Conversation& conversation, std::uint32_t answer_tokens);

/// Costs of pictures, asked for once for each size and decode.
class PictureCosts {
 public:
  /// `plan`: Backend::plan for the model of this run.
  using Planner = std::function<memory::Geometry(const std::vector<worker::PictureSize>&)>;

  explicit PictureCosts(Planner plan) : plan_(std::move(plan)) {}

  /// Unreadable pictures cost nothing: their items end before the model sees them.
  std::vector<memory::PictureCost> of(const std::vector<datasets::Picture>& pictures);

 private:
  Planner plan_;
  std::map<PictureKey, memory::PictureCost> known_;
};

}  // namespace headroom::run
