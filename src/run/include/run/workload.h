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
  std::uint32_t text_tokens = 0;                       ///< of the longest conversation, estimated
  std::vector<worker::PictureSize> sizes;              ///< each that occurs, once
  std::vector<std::vector<std::size_t>> picture_sets;  ///< indices into `sizes`; each set once
  std::uint64_t unreadable =
      0;  ///< pictures without a readable header: they end as outcome `image`
};

/// One pass over the selected items; reads each picture file's header once, decodes nothing.
WorkloadFacts survey_workload(const datasets::Dataset& dataset, const Selection& selection);

/// The same from what a journal holds.
WorkloadFacts survey_workload(const JournalReader& journal);

/// The size of a picture after orientation, and what decoding it holds, rounded up by at most a
/// sixteenth, so that files of about one size share a cost; 0x0 when its header cannot be read.
worker::PictureSize picture_size(const datasets::Picture& picture);

/// Tokens of the texts of a conversation and of the template around them, from above for ordinary
/// text: a third of the bytes, and 16 for each message.
std::uint32_t estimate_text_tokens(const Conversation& conversation);

/// The costs of the set of pictures that is hardest on memory: the largest encode, then the most
/// tokens; with the decode of the set that holds most while it is decoded. `costs`:
/// Geometry::pictures of a plan that was asked for facts.sizes.
std::vector<memory::PictureCost> hardest_pictures(const WorkloadFacts& facts,
                                                  const std::vector<memory::PictureCost>& costs);

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
