#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/json.h"
#include "memory/budget.h"
#include "memory/cleanup_policy.h"
#include "memory/ladder.h"
#include "memory/peak_predictor.h"
#include "memory/plan.h"
#include "memory/reading.h"
#include "memory/reading_series.h"
#include "memory/sampler.h"

namespace headroom::memory {

/// Something that the governor decided or saw, for the journal.
struct MemoryEvent {
  enum class Kind {
    kBudget,
    kPlan,
    kLoad,
    kRefuse,
    kRung,
    kGroup,
    kPressure,
    kClean,
    kBroken,
    kUnload,
    kWall
  };
  WallTime time{};
  Kind kind{};
  std::optional<RunPhase> phase;  ///< what the run was doing; empty: not known
  std::string group;              ///< empty outside groups
  std::string item;               ///< id of the group's first open item; empty outside groups
  std::string detail;             ///< of a clean-up "normal" or "aggressive"; of a rung its name
  std::string reason;             ///< why, with the numbers compared
  std::optional<std::int64_t> freed;  ///< of clean-ups and unloads, as readings show it
  Duration duration{};                ///< of clean-ups
  std::optional<Reading> before;
  std::optional<Reading> after;
  Json numbers =
      Json::object();  ///< further figures by name, integers of bytes: {"planned_peak_bytes": …}
};

/// "budget", "plan", "load", "refuse", "rung", "group", "pressure", "clean", "broken", "unload",
/// "wall".
std::string_view to_string(MemoryEvent::Kind kind);
/// The opposite; empty for any other text.
std::optional<MemoryEvent::Kind> event_kind_from_string(std::string_view text);
/// {"schema": "headroom.memory/1", "time", "kind", …}; absent members are left out.
Json to_json(const MemoryEvent& event);

/// What is known of a group before it is asked.
struct GroupFacts {
  std::string id;
  std::vector<PictureCost> pictures;
  std::optional<std::vector<PictureCost>> ahead;  ///< of the next group, decoded meanwhile; empty:
                                                  ///< as this group's
  bool decoded = false;  ///< `pictures` were decoded while the group before was asked
  std::uint32_t questions = 1;
  std::uint32_t text_tokens = 0;  ///< longest prompt without its pictures' tokens
  std::uint32_t max_tokens = 100;
  std::vector<FewerTiles> fewer_tiles;   ///< descending; empty unless allowed
  std::uint32_t shared_text_tokens = 0;  ///< of text_tokens, those that all prompts begin with
  bool share_prefix = true;              ///< all prompts begin with all of the pictures
  /// By estimate its texts are longer than the model takes. The engine knows their tokens and
  /// refuses them before it allocates for them: that is not anticipated for want of memory.
  bool beyond_context = false;
};

/// How a group may be asked. Maps one to one to worker::AskLimits.
struct GroupLimits {
  std::uint32_t batch = 1;
  std::uint32_t prefill_chunk = 0;
  bool share_prefix = true;
  std::optional<Bytes> memory;  ///< most active bytes of the allocator
  /// Where a device's memory is counted: active bytes of the allocator above which queued work is
  /// waited for, so that it holds no more than is planned.
  std::optional<Bytes> throttle;
  /// Where a device's memory is counted: most that the allocator keeps for reuse.
  std::optional<Bytes> cache;
  bool release_vision = false;  ///< no vision weights between this group's encode and the next
  std::uint32_t max_tiles = 0;  ///< of one picture; 0: as the processor says; changes answers
  std::uint32_t kv_bits = 0;    ///< 8: quantised KV cache; 0: the model's dtype; changes answers
};

struct GroupDecision {
  bool fits = true;  ///< else: do not ask it; its items end in `memory` with `reason`
  GroupLimits limits;
  bool prepare_next = true;  ///< the next group's pictures may be decoded meanwhile
  std::string rung;          ///< what is reduced: "prefill chunk 512 -> 128", empty: nothing
  std::string reason;
  Bytes planned_peak;         ///< by arithmetic
  Bytes predicted_peak;       ///< by arithmetic and what was learnt from earlier groups
  Bytes upper;                ///< bound of that, which is compared with the limit
  CleanDecision clean_first;  ///< unless "none": clean, report it by after_cleanup, and ask for
                              ///< this group's decision again
};

/// For LoadRequest. Empty: no limit.
struct LoadLimits {
  std::optional<Bytes> memory;  ///< the allocator's throttle
  std::optional<Bytes> cache;   ///< the allocator's cache
};

/// Whether the memory of an unloaded model came back.
struct Unloading {
  bool proved = false;  ///< within 5 % or 32 MiB of where it began, and no live arrays
  std::int64_t returned = 0;
  std::int64_t left = 0;  ///< beyond where it began
  std::string text;
};

/// What a run has to say about its memory when it ends.
struct MemorySummary {
  Budget budget;
  Bytes planned_peak;
  Peaks peaks;
  std::optional<Bytes> measured_peak;  ///< by the budget's counter
  bool budget_kept = true;
  std::uint64_t cleanups = 0;
  std::uint64_t fruitless_cleanups = 0;
  std::uint64_t freed = 0;    ///< bytes, all clean-ups together
  std::uint64_t refused = 0;  ///< groups
  PredictionRecord predictions;
};

Json to_json(const MemorySummary& summary);

/// What a run asks of its governor.
struct GovernorSettings {
  bool on = true;           ///< else it only looks and keeps the record: no limit, no clean-up
  std::uint32_t batch = 0;  ///< most questions answered together; 0: as many as fit
  std::uint32_t prefill_chunk = 0;  ///< most new tokens of one forward pass; 0: as many as fit
  bool share_prefix = true;
  Allowed allowed;
};

/// All decisions about memory of one model's stretch of a run. The runner calls, in this order:
/// before_load, after_load, for each group before_group, after_stop (as often as the group was
/// stopped for want of memory), after_group, and (whenever a decision asks for a clean-up)
/// after_cleanup; then after_unload. It never reads or cleans by itself.
/// Readings given to it are the worker's; it merges them with the sampler's.
/// Events go to `sink`, from the calling thread. Thread: one.
class Governor {
 public:
  using Sink = std::function<void(const MemoryEvent&)>;

  /// `sampler` is borrowed. A plan that does not fit is the caller's to refuse (require_fit).
  Governor(Budget budget,
           Plan plan,
           GovernorSettings settings,
           std::unique_ptr<CleanupPolicy> policy,
           Sampler& sampler,
           const Clock& clock,
           Sink sink);

  LoadLimits load_limits() const;
  /// Where the outer wall, held by `holder`, shall stand from now on; empty: where it stands. To be
  /// asked for before loading and before each group is asked.
  std::optional<Bytes> move_wall(const std::string& holder);
  /// What an earlier stretch of the same model on the same engine has learnt, as `learnt` gave it,
  /// before any group. Of another version of the program it may not be understood: false, and
  /// nothing is known.
  bool go_on_from(const Json& learnt);

  Json learnt() const { return predictor_.to_json(); }

  void before_load(const Reading& reading);
  void after_load(const Reading& reading, double load_seconds);

  GroupDecision before_group(const GroupFacts& facts);
  /// The group was stopped for want of memory, by the guard or by the worker's death: how what is
  /// left of it is to be asked, on a rung that costs clearly less than the one that failed; or,
  /// where there is none, that it is not.
  GroupDecision after_stop(const GroupFacts& rest, const std::string& why);
  /// What is left of a stopped group is not asked, by a decision of after_stop that does not fit.
  void refused(const GroupFacts& rest, const GroupDecision& decision);
  /// `reading`: after the group, `peak` and `worker_footprint_peak` being the group's. `questions`:
  /// those that were answered or failed, each counted once. `held`: of what `reading` shows, the KV
  /// cache that the worker keeps for the next turn. The next group takes it over, within its own
  /// plan, or has it dropped before anything is allocated: it is no pressure, and not beyond the
  /// plan.
  CleanDecision after_group(const GroupFacts& facts,
                            std::uint32_t questions,
                            const Reading& reading,
                            Bytes held = {});
  /// Of a clean-up that a decision asked for. `took`: how long it held the run up.
  CleanUp after_cleanup(const CleanDecision& decision,
                        const Reading& before,
                        const Reading& after,
                        Duration took = {});

  Unloading after_unload(const Reading& before, const Reading& after);

  MemorySummary summary() const;

  const Budget& budget() const { return budget_; }

  const Plan& plan() const { return plan_; }

 private:
  void note(MemoryEvent event);
  /// The system's figures of now, completed by the worker's.
  Reading complete(const Reading& worker);
  /// What may be used now. Notes a change.
  Budget current_budget(const Reading& now);
  /// What libraries and an engine's own buffers add to what the budget counts, as planned.
  Bytes planned_growth() const;
  /// What is in use without what is held for the next turn.
  std::optional<Usage> in_use(const Reading& now, Bytes limit) const;
  /// What is held at rest beyond what the plan says.
  Bytes planned_rest(const Workload& workload) const;
  Bytes beyond_plan(const Reading& now, const Workload& workload) const;
  Bytes retained(const Reading& now, const Workload& workload) const;
  /// As the group would be asked if memory were no matter.
  Workload wished(const GroupFacts& facts, const Reading& now) const;
  GroupDecision decide(const GroupFacts& facts, const Reading& now);
  /// A decision about a workload that was chosen; `fits`: whether by its bound.
  GroupDecision weigh(const Rung& rung, bool fits, const Budget& budget, const Reading& now);
  Prediction predict(const Plan& group) const;
  /// A clean-up that should come before the group is asked.
  CleanDecision clean_before(const GroupDecision& decision, const Reading& now);
  bool may_clean_first() const;
  std::optional<Bytes> guard_limit(const Reading& now, const Plan& group) const;
  Bytes throttle(const Reading& now, const Plan& group) const;
  void note_decision(const GroupDecision& decision, const std::string& group, const Reading& now);
  void check_kept(const std::string& group);
  std::optional<Bytes> measured_peak() const;
  std::optional<Bytes> group_peak(const Reading& now) const;

  Budget budget_;
  Plan plan_;
  GovernorSettings settings_;
  std::unique_ptr<CleanupPolicy> policy_;
  Sampler& sampler_;
  const Clock& clock_;
  Sink sink_;
  History history_;
  std::optional<Bytes> before_load_;  ///< the counter's figure, to compare with after unloading
  std::optional<Reading> last_;
  Bytes beyond_plan_;          ///< what loading took beyond its plan
  Bytes last_live_limit_;      ///< as last noted
  std::optional<Bytes> wall_;  ///< where it stands
  Bytes noted_wall_;           ///< as last noted
  Bytes held_;                 ///< KV cache that the worker keeps for the next turn
  Bytes noted_break_;          ///< the peak above the limit that was noted last
  Peaks device_;               ///< of the worker's own readings
  PeakPredictor predictor_;
  // The group that is asked.
  std::string open_group_;
  GroupDecision open_;
  GroupFeatures open_features_;
  Bytes open_beyond_;             ///< held at rest beyond the plan when it was admitted
  std::optional<Bytes> ceiling_;  ///< of its planned transient, after it was stopped
  MemorySummary counts_;
};

}  // namespace headroom::memory
