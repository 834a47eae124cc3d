#include "memory/governor.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/errors.h"
#include "memory/wall.h"
#include "plan_phases.h"

namespace headroom::memory {

namespace {

/// A change of what may be used is worth a word from this share of the budget on.
constexpr double kNotedChange = 0.05;
constexpr double kCameBackShare = 0.05;
constexpr Bytes kCameBack = 32_MiB;

/// What the budget's counter says now.
std::optional<Bytes> counted(const Reading& reading, Counter counter) {
  const auto now = usage(reading, counter, Bytes());
  return now ? std::optional<Bytes>(now->total()) : std::nullopt;
}

/// What the plan holds between groups.
Bytes resting(const Plan& plan) {
  return plan.phases.front().of(
      {PartKind::kSupervisor, PartKind::kEngine, PartKind::kWeights, PartKind::kReservedKv});
}

/// What the next group's pictures may hold already, decoded ahead.
Bytes decoded_ahead(const Workload& workload) {
  const bool counts = workload.decoded && workload.counter == Counter::kFootprint;
  return counts ? decoding(workload.pictures) : Bytes();
}

}  // namespace

Governor::Governor(Budget budget,
                   Plan plan,
                   GovernorSettings settings,
                   std::unique_ptr<CleanupPolicy> policy,
                   Sampler& sampler,
                   const Clock& clock,
                   Sink sink)
    : budget_(std::move(budget)),
      plan_(std::move(plan)),
      settings_(settings),
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

bool Governor::go_on_from(const Json& learnt) {
  try {
    predictor_ = PeakPredictor::from_json(learnt);
    return true;
  } catch (const InputError&) {
    return false;
  }
}

void Governor::note(MemoryEvent event) {
  event.time = clock_.wall();
  const Moment moment = sampler_.moment();
  event.phase = moment.phase;
  event.item = moment.item;
  if (event.group.empty()) {
    event.group = moment.group;
  }
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
  if (!settings_.on) {
    return {};
  }
  const bool device = budget_.counter == Counter::kDevice;
  const Bytes outside =
      device ? Bytes()
             : plan_.workload.supervisor + plan_.geometry.engine + plan_.geometry.engine_growth;
  const Bytes planned_cache = plan_.worst().of({PartKind::kCache});
  // The cache stays as planned, so that what is measured does.
  const Bytes spare = saturating_minus(budget_.limit, plan_.required());
  return {saturating_minus(budget_.limit, outside + plan_.reserve),
          std::min(plan_.workload.allocator_cache, planned_cache + spare)};
}

void Governor::before_load(const Reading& reading) {
  const Reading now = complete(reading);
  before_load_ = counted(now, budget_.counter);
  held_ = Bytes();
  last_ = now;
}

void Governor::after_load(const Reading& reading, double load_seconds) {
  sampler_.renew();  // an engine may have started processes of its own
  const Reading now = complete(reading);
  // The first forward pass, which makes the libraries grow, has run.
  const Bytes planned = resting(plan_) + planned_growth();
  MemoryEvent event;
  event.kind = MemoryEvent::Kind::kLoad;
  event.before = last_;
  event.after = now;
  event.duration =
      std::chrono::duration_cast<Duration>(std::chrono::duration<double>(load_seconds));
  if (const auto in_use = usage(now, budget_.counter, budget_.limit)) {
    beyond_plan_ = saturating_minus(in_use->held, planned);
    event.reason = fmt::format(
        "loaded: {} held at rest by {}, {} planned for the same",
        to_string(in_use->held),
        budget_.counter == Counter::kDevice ? "the model on the device" : "supervisor and worker",
        to_string(planned));
    event.numbers = {{"held_bytes", in_use->held.count()}, {"planned_bytes", planned.count()}};
  }
  last_ = now;
  note(std::move(event));
  check_kept({});
}

std::optional<Bytes> Governor::move_wall(const std::string& holder) {
  if (!settings_.on) {
    return std::nullopt;
  }
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

Bytes Governor::planned_growth() const {
  const Geometry& model = plan_.geometry;
  const Bytes buffers = model.reserved.compute + model.reserved.vision;
  return budget_.counter == Counter::kDevice ? Bytes() : model.engine_growth + buffers;
}

std::optional<Usage> Governor::in_use(const Reading& now, Bytes limit) const {
  std::optional<Usage> result = usage(now, budget_.counter, limit);
  if (result) {
    result->held = saturating_minus(result->held, held_);
  }
  return result;
}

/// What is held between groups by plan, once the libraries have grown.
Bytes Governor::planned_rest(const Workload& workload) const {
  return resting(plan_) + planned_growth() + decoded_ahead(workload);
}

Bytes Governor::beyond_plan(const Reading& now, const Workload& workload) const {
  const auto used = in_use(now, budget_.limit);
  if (!used) {
    return beyond_plan_;
  }
  return std::max(beyond_plan_, saturating_minus(used->held, planned_rest(workload)));
}

/// Freed pages that a heap keeps hold the tower again when it is read again: they are beyond the
/// plan only while it is released.
Bytes Governor::retained(const Reading& now, const Workload& workload) const {
  const auto used = in_use(now, budget_.limit);
  if (!used || !open_.limits.release_vision) {
    return {};
  }
  const Bytes tower = plan_.geometry.vision_weights;
  const Bytes planned = saturating_minus(planned_rest(workload) + beyond_plan_, tower);
  return std::min(tower, saturating_minus(used->held, planned));
}

CleanDecision Governor::after_group(const GroupFacts& facts,
                                    std::uint32_t questions,
                                    const Reading& reading,
                                    Bytes held) {
  const Reading now = complete(reading);
  held_ = held;
  GroupUsage group;
  group.questions = questions;
  group.pictures = static_cast<std::uint32_t>(facts.pictures.size());
  group.after = in_use(now, live_limit(budget_, now).bytes);
  history_.add(group);
  MemoryEvent event;
  event.kind = MemoryEvent::Kind::kGroup;
  event.group = facts.id;
  event.before = last_;
  event.after = now;
  if (const auto measured = group_peak(now)) {
    const PredictionError error = predictor_.learn(open_features_, *measured);
    event.reason = fmt::format("planned {}, predicted {}, measured {} ({:+.1f} %)",
                               to_string(open_.planned_peak),
                               to_string(error.expected),
                               to_string(*measured),
                               error.percent());
    event.numbers = {{"planned_peak_bytes", open_.planned_peak.count()},
                     {"predicted_peak_bytes", error.expected.count()},
                     {"predicted_upper_bytes", error.upper.count()},
                     {"measured_peak_bytes", measured->count()},
                     {"error_percent", error.percent()}};
  }
  last_ = now;
  note(std::move(event));
  check_kept(facts.id);
  return settings_.on ? policy_->decide(history_) : CleanDecision();
}

CleanUp Governor::after_cleanup(const CleanDecision& decision,
                                const Reading& before,
                                const Reading& after,
                                Duration took) {
  const Reading then = merged(before, last_.value_or(Reading()));
  const Reading now = complete(after);
  const Bytes limit = live_limit(budget_, now).bytes;
  // The cache held for the next turn is dropped with it: no merit of the clean-up.
  const auto used = in_use(then, limit);
  const Bytes dropped = std::exchange(held_, Bytes());
  const CleanUp cleanup = judge(decision.clean, used, usage(now, budget_.counter, limit));
  history_.add(cleanup);
  ++counts_.cleanups;
  counts_.fruitless_cleanups += cleanup.fruitless ? 1 : 0;
  counts_.freed += cleanup.freed.count();
  MemoryEvent event;
  event.kind = MemoryEvent::Kind::kClean;
  event.group = open_group_;
  event.detail = to_string(decision.clean);
  event.duration = took;
  event.reason = fmt::format("{}: {}", decision.policy, decision.reason);
  event.before = then;
  event.after = now;
  event.numbers = {{"policy", decision.policy}, {"fruitless", cleanup.fruitless}};
  if (dropped > Bytes()) {
    event.numbers["held_dropped_bytes"] = dropped.count();
  }
  if (cleanup.before && cleanup.after) {
    event.freed = signed_difference(cleanup.before->total(), cleanup.after->total());
  }
  last_ = now;
  note(std::move(event));
  return cleanup;
}

Unloading Governor::after_unload(const Reading& before, const Reading& after) {
  const Reading now = complete(after);
  held_ = Bytes();
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
  if (held && left && before_load_) {
    event.numbers = {{"left_bytes", result.left}};
  }
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
  result.predictions = predictor_.record();
  result.peaks = sampler_.peaks();
  result.peaks.device = device_.device;
  result.measured_peak = measured_peak();
  result.budget_kept = result.measured_peak.value_or(Bytes()) <= budget_.limit;
  return result;
}

}  // namespace headroom::memory
