#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/json.h"
#include "memory/budget.h"
#include "memory/geometry.h"

namespace headroom::memory {

/// What a picture would cost under a smaller --max-image-side.
struct SmallerPicture {
  std::uint32_t max_image_side = 0;
  PictureCost cost;
};

/// What an allocator may keep for reuse where memory is short.
constexpr Bytes kLeastCache = 32_MiB;

/// The hardest group that a run will ask: what a plan needs to know beside the model.
struct Workload {
  std::uint32_t batch = 1;  ///< sequences decoded together
  std::uint32_t text_tokens =
      0;  ///< longest prompt without its pictures' tokens, template included
  std::uint32_t shared_text_tokens =
      0;                              ///< of them, those that all prompts of the batch begin with
  std::uint32_t max_tokens = 100;     ///< longest answer
  std::uint32_t prefill_chunk = 0;    ///< most new tokens of one forward pass; 0: no limit
  std::vector<PictureCost> pictures;  ///< of one group; empty: text only
  bool share_prefix = true;  ///< the pictures' KV is held once for the batch, else once a sequence
  bool decode_ahead = true;  ///< the next group's pictures are decoded while this one is asked
  bool decoded = false;      ///< this group's pictures were decoded while the one before was asked
  bool release_vision = false;  ///< its weights are held while pictures are encoded, and only then
  bool continues = false;       ///< a KV cache is held, which the group takes over or drops
  bool kv_quantised = false;    ///< where the geometry has a figure for it
  std::optional<std::vector<PictureCost>> ahead;  ///< those; empty: as this group's
  Bytes allocator_cache = kLeastCache;  ///< most that the engine's allocator keeps for reuse
  Bytes supervisor;                     ///< footprint of the process that asks
  Bytes beyond;                         ///< held at rest beyond what the geometry says, measured
  /// Of a released vision tower, what the process keeps all the same.
  Bytes retained;
  Counter counter = Counter::kFootprint;
  std::vector<SmallerPicture> smaller;  ///< for advice: the largest picture at smaller sides
};

/// The picture of the list that costs most where it counts (its encode, then its tokens, then its
/// decoding).
const PictureCost* largest_picture(const std::vector<PictureCost>& pictures);

enum class PartKind {
  kSupervisor,
  kEngine,
  kWeights,
  kBeyond,
  kLoadStaging,
  kPictureDecode,
  kVision,
  kFeatures,
  kPrefixKv,
  kQuestionKv,
  kActivations,
  kScores,
  kLogits,
  kCache,
  kReservedKv,
  kReservedCompute,
  kReservedVision,
};
/// "supervisor", "engine", "weights", "beyond the plan", "load staging", "picture decode",
/// "vision", "features", "prefix KV", "question KV", "activations", "attention scores", "logits",
/// "allocator cache", "KV cache", "compute buffers", "vision buffers".
std::string_view to_string(PartKind kind);

/// Part of what a phase holds at its worst moment.
struct PlanPart {
  PartKind kind{};
  Bytes bytes;
  bool on_host = false;  ///< beside a device's budget, not in it
  std::string detail;    ///< "1,200 tokens × 8 sequences"
};

enum class Phase { kLoad, kEncode, kPrefill, kDecode };
/// "load", "encode", "prefill", "decode".
std::string_view to_string(Phase phase);

struct PhasePlan {
  Phase phase{};
  std::vector<PlanPart> parts;  ///< none of size 0

  Bytes total() const;  ///< of the memory that the budget holds down
  /// Of that, the parts of these kinds.
  Bytes of(std::initializer_list<PartKind> kinds) const;
  /// The arrays that forward passes make and give back: vision, features, KV caches, activations,
  /// scores, logits.
  Bytes taken_by_passes() const;
  Bytes host() const;  ///< of the host's, where the budget is a device's; else 0
};

/// The memory arithmetic of a run. Phases do not overlap, so the peak is that of the worst phase.
struct Plan {
  Geometry geometry;  ///< without its list of pictures; the workload has those that count
  Workload workload;
  std::vector<PhasePlan> phases;
  Bytes reserve;  ///< for what arithmetic does not see: a twentieth of the peak, at least 2 MiB

  const PhasePlan& worst() const;

  Bytes planned_peak() const {
    return worst().total();
  }  ///< what will be measured, without reserve

  Bytes required() const { return planned_peak() + reserve; }

  Bytes host_peak() const;
  Bytes arrays_peak() const;             ///< of the allocator's live arrays while a group is asked
  const PlanPart& largest_part() const;  ///< of the worst phase
};

/// What a plan of this peak keeps back.
Bytes plan_reserve(Bytes peak);

/// Without `describe` the parts have no detail, which is several times faster.
Plan make_plan(const Geometry& geometry, const Workload& workload, bool describe = true);

/// One way to make a refused plan fit.
struct Change {
  std::string flag;  ///< "--max-image-side 768"
  Bytes needs;       ///< `required` with it
};

/// Does it fit? An expected answer, not an exception.
struct Admission {
  bool fits = false;
  Bytes required;
  Bytes limit;
  std::string text;             ///< the numbers compared; of a refusal also what would fit
  std::vector<Change> changes;  ///< of a refusal: those that would fit, cheapest first
};

/// Compares required with the budget's limit (and the host's part with what the host can give).
/// `resized`: of an engine that takes its memory when it loads, what it would need with other
/// flags, each kind's dearest first; the first that fits of each is proposed.
Admission admit(const Plan& plan,
                const Budget& budget,
                const std::vector<std::vector<Change>>& resized = {});
/// Throws BudgetError("E-MEM-PLAN") with the admission's text unless it fits. Exit code 5.
void require_fit(const Admission& admission);

/// The largest that a budget holds, all else being as the workload has it, with the chunk that each
/// needs.
struct Largest {
  std::optional<std::uint32_t>
      picture_side;                    ///< longest side, pixels; empty: none of those offered
  bool any_picture = false;            ///< all of those offered fit
  std::optional<std::uint32_t> batch;  ///< sequences decoded together; empty: not even one
};

/// `pictures`: what the largest picture of the workload would cost at several sizes, ascending; the
/// others stay. A workload without pictures has no largest one.
Largest largest_that_fit(const Geometry& geometry,
                         const Workload& workload,
                         const std::vector<PictureCost>& pictures,
                         const Budget& budget);

/// Everything, for --json and the journal.
Json to_json(const Plan& plan);
Json to_json(const Admission& admission);
Json to_json(const Largest& largest);

}  // namespace headroom::memory
