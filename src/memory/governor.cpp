#include "memory/governor.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "memory/wall.h"

namespace headroom::memory {

namespace {

/// A change of what may be used is worth a word from this share of the budget on.
constexpr double kNotedChange = 0.05;
constexpr double kCameBackShare = 0.05;
constexpr Bytes kCameBack = 32_MiB;
constexpr std::uint32_t kMostDoublings = 5;

/// What the budget's counter says now.
std::optional<Bytes> counted(const Reading& reading, Counter counter) {
  const auto now = usage(reading, counter, Bytes());
  return now ? std::optional<Bytes>(now->total()) : std::nullopt;
}

/// What the plan holds between groups.
Bytes resting(const Plan& plan) {
  Bytes sum;
  for (const PlanPart& part : plan.phases.front().parts) {
    const bool stays = part.kind == PartKind::kSupervisor || part.kind == PartKind::kEngine ||
                       part.kind == PartKind::kWeights;
    sum += stays && !part.on_host ? part.bytes : Bytes();
  }
  return sum;
}

/// What the next group's pictures may hold already, decoded ahead.
Bytes decoded_ahead(const Workload& workload) {
  Bytes sum;
  for (const PictureCost& picture : workload.pictures) {
    sum += picture.decode;
  }
  return workload.decode_ahead && workload.counter == Counter::kFootprint ? sum : Bytes();
}

std::string reductions(const Workload& wished, const Workload& chosen) {
  std::string text;
  if (chosen.prefill_chunk != wished.prefill_chunk) {
    text = wished.prefill_chunk == 0
               ? fmt::format("prefill chunk {}", chosen.prefill_chunk)
               : fmt::format("prefill chunk {} -> {}", wished.prefill_chunk, chosen.prefill_chunk);
  }
  if (chosen.batch != wished.batch) {
    text += fmt::format("{}batch {} -> {}", text.empty() ? "" : ", ", wished.batch, chosen.batch);
  }
  return text;
}

}  // namespace

Governor::Governor(Budget budget,
                   Plan plan,
                   std::unique_ptr<CleanupPolicy> policy,
                   Sampler& sampler,
                   const Clock& clock,
                   Sink sink)
    : budget_(std::move(budget)),
      plan_(std::move(plan)),
      policy_(std::move(policy)),
      sampler_(sampler),
      clock_(clock),
      sink_(std::move(sink)),
      last_live_limit_(budget_.limit) {
  MemoryEvent resolved;
  resolved.kind = MemoryEvent::Kind::kBudget;
  resolved.reason = budget_.source;
  resolved.numbers = to_json(budget_);
  note(std::move(resolved));
  MemoryEvent planned;
  planned.kind = MemoryEvent::Kind::kPlan;
  planned.reason = admit(plan_, budget_).text;
  planned.numbers = {{"planned_peak_bytes", plan_.planned_peak().count()},
                     {"required_bytes", plan_.required().count()},
                     {"limit_bytes", budget_.limit.count()}};
  note(std::move(planned));
}

void Governor::note(MemoryEvent event) {
  event.time = clock_.wall();
  if (sink_) {
    sink_(event);
  }
}

Reading Governor::complete(const Reading& worker) {
  // The system's figure covers all workers and their children; the worker knows its allocator.
  const Reading now = merged(sampler_.tick(), worker);
  device_.see(now);
  return now;
}

LoadLimits Governor::load_limits() const {
  const bool device = budget_.counter == Counter::kDevice;
  const Bytes outside =
      device ? Bytes()
             : plan_.workload.supervisor + plan_.geometry.engine + plan_.geometry.engine_growth;
  Bytes planned_cache;
  for (const PlanPart& part : plan_.worst().parts) {
    planned_cache += part.kind == PartKind::kCache ? part.bytes : Bytes();
  }
  // On a device what the plan leaves free may be cached as well; a process's cache stays as
  // planned, so that the footprint does.
  const Bytes spare = saturating_minus(budget_.limit, plan_.required());
  const Bytes cache = device ? planned_cache + spare
                             : std::min(plan_.workload.allocator_cache, planned_cache + spare);
  return {saturating_minus(budget_.limit, outside + plan_.reserve), cache};
}

void Governor::before_load(const Reading& reading) {
  const Reading now = complete(reading);
  before_load_ = counted(now, budget_.counter);
  last_ = now;
}

void Governor::after_load(const Reading& reading, double load_seconds) {
  const Reading now = complete(reading);
  const Bytes planned = resting(plan_);
  MemoryEvent event;
  event.kind = MemoryEvent::Kind::kLoad;
  event.before = last_;
  event.after = now;
  event.duration =
      std::chrono::duration_cast<Duration>(std::chrono::duration<double>(load_seconds));
  if (const auto in_use = usage(now, budget_.counter, budget_.limit)) {
    beyond_plan_ = saturating_minus(in_use->held, planned);
    event.reason =
        fmt::format("loaded: {} held, {} planned", to_string(in_use->held), to_string(planned));
    event.numbers = {{"held_bytes", in_use->held.count()}, {"planned_bytes", planned.count()}};
  }
  last_ = now;
  note(std::move(event));
  check_kept({});
}

std::optional<Bytes> Governor::move_wall(const std::string& holder) {
  const Reading now = complete(last_.value_or(Reading()));
  const auto line = wall_line(budget_, now);
  if (!line || (wall_ && !moved(*wall_, line->limit))) {
    return std::nullopt;
  }
  wall_ = line->limit;
  const std::int64_t change = signed_difference(line->limit, noted_wall_);
  const auto noted = static_cast<std::int64_t>(scaled(noted_wall_, kNotedChange).count());
  if (change >= -noted && change <= noted) {
    return wall_;
  }
  noted_wall_ = line->limit;
  MemoryEvent event;
  event.kind = MemoryEvent::Kind::kWall;
  event.detail = holder;
  event.reason = "the workers may hold " + line->text;
  event.numbers = {{"limit_bytes", line->limit.count()}};
  event.after = now;
  note(std::move(event));
  return wall_;
}

Budget Governor::current_budget(const Reading& now) {
  const Capacity live = live_limit(budget_, now);
  const std::int64_t change = signed_difference(live.bytes, last_live_limit_);
  const auto noted = static_cast<std::int64_t>(scaled(budget_.limit, kNotedChange).count());
  if (change > noted || change < -noted) {
    MemoryEvent event;
    event.kind = MemoryEvent::Kind::kPressure;
    event.reason = fmt::format("{}: may use {} instead of {} ({})",
                               change < 0 ? "tightened" : "eased",
                               to_string(live.bytes),
                               to_string(last_live_limit_),
                               live.source);
    event.after = now;
    event.numbers = {{"limit_bytes", live.bytes.count()}};
    last_live_limit_ = live.bytes;
    note(std::move(event));
  }
  Budget result = budget_;
  result.limit = live.bytes;
  result.source = live.source;
  return result;
}

Bytes Governor::beyond_plan(const Reading& now, const Workload& workload) const {
  const auto in_use = usage(now, budget_.counter, budget_.limit);
  if (!in_use) {
    return beyond_plan_;
  }
  const Bytes growth = budget_.counter == Counter::kDevice ? Bytes() : plan_.geometry.engine_growth;
  const Bytes planned = resting(plan_) + growth + decoded_ahead(workload);
  return std::max(beyond_plan_, saturating_minus(in_use->held, planned));
}

/// Not at once after a clean-up, and after one in vain only when some groups have passed.
bool Governor::may_clean_first() const {
  if (!history_.last_cleanup()) {
    return true;
  }
  const std::uint32_t doublings = std::min(history_.fruitless_streak(), kMostDoublings);
  return history_.groups_since() >= (std::uint64_t{1} << doublings);
}

std::optional<Bytes> Governor::guard_limit(const Reading& now, const Plan& group) const {
  Bytes cache;
  for (const PlanPart& part : group.worst().parts) {
    cache += part.kind == PartKind::kCache ? part.bytes : Bytes();
  }
  const Bytes limit = saturating_minus(live_limit(budget_, now).bytes, cache);
  if (budget_.counter == Counter::kDevice) {
    return limit;
  }
  if (!now.active || !now.worker_footprint) {
    return std::nullopt;
  }
  const Bytes in_allocator = *now.active + now.cache.value_or(Bytes());
  const Bytes outside = saturating_minus(*now.worker_footprint, in_allocator) +
                        now.supervisor_footprint.value_or(Bytes());
  return saturating_minus(limit, outside);
}

GroupDecision Governor::before_group(const GroupFacts& facts) {
  const Reading now = complete(last_.value_or(Reading()));
  Budget current = current_budget(now);
  Workload wished = plan_.workload;
  wished.pictures = facts.pictures;
  wished.text_tokens = facts.text_tokens;
  wished.max_tokens = facts.max_tokens;
  wished.batch = std::clamp(facts.questions, 1U, std::max(plan_.workload.batch, 1U));
  wished.smaller.clear();
  const Bytes beyond = beyond_plan(now, wished);
  current.limit = saturating_minus(current.limit, beyond);
  if (beyond > Bytes()) {
    current.source += fmt::format(", less {} held beyond the plan", to_string(beyond));
  }
  const Workload chosen = choose_batch(plan_.geometry, wished, current);
  const Plan group_plan = make_plan(plan_.geometry, chosen);
  const Admission admission = admit(group_plan, current);

  GroupDecision decision;
  decision.fits = admission.fits;
  decision.planned_peak = group_plan.planned_peak() + beyond;
  decision.limits = {
      chosen.batch, chosen.prefill_chunk, chosen.share_prefix, guard_limit(now, group_plan)};
  decision.rung = reductions(wished, chosen);
  decision.reason = admission.text;
  const bool reduced = !admission.fits || !decision.rung.empty();
  if (reduced && beyond > Bytes() && may_clean_first()) {
    decision.clean_first = {
        Clean::kNormal,
        "admission",
        fmt::format("{} held beyond the plan: {}", to_string(beyond), admission.text)};
    return decision;
  }
  open_group_ = facts.id;
  open_planned_peak_ = decision.planned_peak;
  sampler_.begin_window();
  if (reduced) {
    note_reduction(decision, facts.id, now);
  }
  return decision;
}

void Governor::note_reduction(const GroupDecision& decision,
                              const std::string& group,
                              const Reading& now) {
  MemoryEvent event;
  event.kind = decision.fits ? MemoryEvent::Kind::kRung : MemoryEvent::Kind::kRefuse;
  event.group = group;
  event.detail = decision.rung;
  event.reason = decision.reason;
  event.before = now;
  counts_.refused += decision.fits ? 0 : 1;
  note(std::move(event));
}

CleanDecision Governor::after_group(const GroupFacts& facts,
                                    std::uint32_t questions,
                                    const Reading& reading) {
  const Reading now = complete(reading);
  GroupUsage group;
  group.questions = questions;
  group.pictures = static_cast<std::uint32_t>(facts.pictures.size());
  group.after = usage(now, budget_.counter, live_limit(budget_, now).bytes);
  history_.add(group);
  MemoryEvent event;
  event.kind = MemoryEvent::Kind::kGroup;
  event.group = facts.id;
  event.before = last_;
  event.after = now;
  const auto measured = group_peak(now);
  if (measured) {
    event.reason =
        fmt::format("planned {}, measured {}", to_string(open_planned_peak_), to_string(*measured));
    event.numbers = {{"planned_peak_bytes", open_planned_peak_.count()},
                     {"measured_peak_bytes", measured->count()}};
  }
  last_ = now;
  note(std::move(event));
  check_kept(facts.id);
  return policy_->decide(history_);
}

CleanUp Governor::after_cleanup(const CleanDecision& decision,
                                const Reading& before,
                                const Reading& after) {
  const Reading then = merged(before, last_.value_or(Reading()));
  const Reading now = complete(after);
  const Bytes limit = live_limit(budget_, now).bytes;
  const CleanUp cleanup = judge(
      decision.clean, usage(then, budget_.counter, limit), usage(now, budget_.counter, limit));
  history_.add(cleanup);
  ++counts_.cleanups;
  counts_.fruitless_cleanups += cleanup.fruitless ? 1 : 0;
  counts_.freed += cleanup.freed.count();
  MemoryEvent event;
  event.kind = MemoryEvent::Kind::kClean;
  event.group = open_group_;
  event.detail = to_string(decision.clean);
  event.reason = fmt::format("{}: {}", decision.policy, decision.reason);
  event.before = then;
  event.after = now;
  event.numbers = {{"fruitless", cleanup.fruitless}};
  if (cleanup.before && cleanup.after) {
    event.freed = signed_difference(cleanup.before->total(), cleanup.after->total());
  }
  last_ = now;
  note(std::move(event));
  return cleanup;
}

Unloading Governor::after_unload(const Reading& before, const Reading& after) {
  const Reading now = complete(after);
  const auto held = counted(merged(before, last_.value_or(Reading())), budget_.counter);
  const auto left = counted(now, budget_.counter);
  Unloading result;
  if (!held || !left || !before_load_) {
    result.text = "unloaded: not proved, a reading is missing";
  } else {
    const Bytes allowed = std::max(kCameBack, scaled(*before_load_, kCameBackShare));
    const bool no_arrays = now.active.value_or(Bytes()) == Bytes();
    result.returned = signed_difference(*held, *left);
    result.left = signed_difference(*left, *before_load_);
    result.proved = no_arrays && saturating_minus(*left, *before_load_) <= allowed;
    result.text = fmt::format(
        "unloaded: {} came back, {} against before loading ({} allowed), live arrays {}: {}",
        difference_to_string(result.returned),
        difference_to_string(result.left),
        to_string(allowed),
        to_string(now.active.value_or(Bytes())),
        result.proved ? "proved" : "NOT all came back");
  }
  MemoryEvent event;
  event.kind = MemoryEvent::Kind::kUnload;
  event.detail = result.proved ? "proved" : "not proved";
  event.reason = result.text;
  event.freed = result.returned;
  event.before = before;
  event.after = now;
  last_ = now;
  note(std::move(event));
  return result;
}

std::optional<Bytes> Governor::measured_peak() const {
  return budget_.counter == Counter::kDevice ? device_.device : sampler_.peaks().total;
}

std::optional<Bytes> Governor::group_peak(const Reading& now) const {
  if (budget_.counter != Counter::kDevice) {
    return sampler_.window().total;
  }
  Peaks group;
  group.see(now);
  return group.device;
}

/// A budget that was broken is said once, and again for each peak that is a twentieth higher.
void Governor::check_kept(const std::string& group) {
  const Bytes peak = measured_peak().value_or(Bytes());
  if (peak <= budget_.limit || peak < scaled(noted_break_, 1.0 + kNotedChange)) {
    return;
  }
  noted_break_ = peak;
  MemoryEvent event;
  event.kind = MemoryEvent::Kind::kBroken;
  event.group = group;
  event.reason = fmt::format("peak {} ({}) exceeds budget {} by {}",
                             to_string(peak),
                             to_string(budget_.counter),
                             to_string(budget_.limit),
                             to_string(peak - budget_.limit));
  event.numbers = {{"measured_peak_bytes", peak.count()}, {"limit_bytes", budget_.limit.count()}};
  event.after = last_;
  note(std::move(event));
}

MemorySummary Governor::summary() const {
  MemorySummary result = counts_;
  result.budget = budget_;
  result.planned_peak = plan_.planned_peak();
  result.peaks = sampler_.peaks();
  result.peaks.device = device_.device;
  result.measured_peak = measured_peak();
  result.budget_kept = result.measured_peak.value_or(Bytes()) <= budget_.limit;
  return result;
}

}  // namespace headroom::memory
