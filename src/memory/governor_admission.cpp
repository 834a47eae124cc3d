// How a group is admitted: the governor's look ahead. What it sees afterwards is in governor.cpp.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "memory/governor.h"

namespace headroom::memory {

namespace {

constexpr std::uint32_t kMostDoublings = 5;
/// After so few groups the predictor's bound is not better than the plan's own reserve.
constexpr std::uint64_t kFewSamples = 5;
/// After a stop the next rung must cost so much less by plan: the plan was wrong already.
constexpr double kClearlyLess = 0.8;

}  // namespace

Workload Governor::wished(const GroupFacts& facts, const Reading& now) const {
  Workload workload = plan_.workload;
  workload.pictures = facts.pictures;
  workload.ahead = facts.ahead;
  workload.decoded = facts.decoded;
  workload.decode_ahead = true;
  workload.text_tokens = facts.text_tokens;
  workload.shared_text_tokens = facts.shared_text_tokens;
  workload.max_tokens = facts.max_tokens;
  workload.batch = std::max(facts.questions, 1U);
  if (settings_.batch != 0) {
    workload.batch = std::min(workload.batch, settings_.batch);
  }
  workload.prefill_chunk = settings_.prefill_chunk;
  workload.share_prefix =
      settings_.share_prefix && facts.share_prefix && plan_.geometry.shares_prefix;
  workload.smaller.clear();
  workload.continues = held_ > Bytes();
  workload.beyond = beyond_plan(now, workload);
  workload.retained = retained(now, workload);
  return workload;
}

Prediction Governor::predict(const Plan& group) const {
  Prediction prediction = predictor_.predict(features_of(group));
  const PredictionRecord& record = predictor_.record();
  if (record.samples < kFewSamples && record.deaths == 0 && record.expected_low == 0) {
    prediction.upper = std::max(std::min(prediction.upper, group.required()), prediction.expected);
  }
  return prediction;
}

GroupDecision Governor::weigh(const Rung& rung,
                              bool fits,
                              const Budget& budget,
                              const Reading& now) {
  const Plan plan = make_plan(plan_.geometry, rung.workload);
  open_features_ = features_of(plan);
  const Prediction prediction = predict(plan);
  GroupDecision decision;
  decision.fits = fits;
  decision.limits.batch = rung.workload.batch;
  decision.limits.prefill_chunk = rung.workload.prefill_chunk;
  decision.limits.share_prefix = rung.workload.share_prefix;
  decision.limits.release_vision = rung.workload.release_vision;
  decision.limits.max_tiles = rung.max_tiles;
  decision.limits.kv_bits = rung.workload.kv_quantised ? 8 : 0;
  decision.limits.memory = guard_limit(now, plan);
  if (budget_.counter == Counter::kDevice) {
    decision.limits.throttle = throttle(now, plan);
    decision.limits.cache = rung.workload.allocator_cache;
  }
  decision.prepare_next = rung.workload.decode_ahead;
  decision.rung = rung.text;
  decision.planned_peak = plan.planned_peak();
  decision.predicted_peak = prediction.expected;
  decision.upper = prediction.upper;
  decision.reason = fmt::format("predicted at most {} ({}) {} {} ({})",
                                to_string(prediction.upper),
                                prediction.reason,
                                prediction.upper <= budget.limit ? "<=" : ">",
                                to_string(budget.limit),
                                budget.source);
  if (!fits) {
    decision.reason += "; " + admit(plan, budget).text;
  }
  return decision;
}

GroupDecision Governor::decide(const GroupFacts& facts, const Reading& now) {
  const Budget current = current_budget(now);
  const Workload workload = wished(facts, now);
  open_beyond_ = workload.beyond;
  const Ladder ladder(plan_.geometry, workload, settings_.allowed, facts.fewer_tiles);
  if (!settings_.on) {
    GroupDecision decision = weigh(ladder.wished(), true, current, now);
    decision.limits.memory.reset();
    decision.limits.throttle.reset();
    decision.limits.cache.reset();
    return decision;
  }
  const auto admissible = [&](const Plan& plan) {
    return (!current.host_capacity || plan.host_peak() <= *current.host_capacity) &&
           (!ceiling_ || features_of(plan).transient() <= *ceiling_);
  };
  const auto rung = ladder.highest([&](const Workload& candidate) {
    const Plan plan = make_plan(plan_.geometry, candidate, false);
    return admissible(plan) && predict(plan).upper <= current.limit;
  });
  if (rung) {
    return weigh(*rung, true, current, now);
  }
  // A group is not refused for what was learnt from others alone: that could never be unlearnt. The
  // guard holds the limit.
  const Rung lowest = ladder.lowest();
  const Plan plan = make_plan(plan_.geometry, lowest.workload, false);
  const bool fits = admissible(plan) && plan.required() <= current.limit;
  return weigh(lowest, fits || facts.beyond_context, current, now);
}

GroupDecision Governor::before_group(const GroupFacts& facts) {
  const Reading now = complete(last_.value_or(Reading()));
  ceiling_.reset();
  GroupDecision decision = decide(facts, now);
  decision.clean_first = clean_before(decision, now);
  if (decision.clean_first.clean != Clean::kNone) {
    return decision;
  }
  open_group_ = facts.id;
  open_ = decision;
  sampler_.begin_window();
  note_decision(decision, facts.id, now);
  return decision;
}

GroupDecision Governor::after_stop(const GroupFacts& rest, const std::string& why) {
  const Reading now = complete(last_.value_or(Reading()));
  held_ = Bytes();  // a stop drops it
  // It would have held more than it was let have.
  const Bytes limit = live_limit(budget_, now).bytes;
  predictor_.learn_death(open_features_, std::max(limit, group_peak(now).value_or(Bytes())));
  ceiling_ = scaled(open_features_.transient(), kClearlyLess);
  const GroupFeatures asked = open_features_;
  GroupDecision decision = decide(rest, now);
  decision.fits = decision.fits && settings_.on;  // ungoverned there is no lower rung
  decision.reason = fmt::format("stopped: {}; now {}", why, decision.reason);
  if (decision.fits) {
    open_ = decision;
    sampler_.begin_window();  // what the stopped rung took is not this one's
    note_decision(decision, rest.id, now);
  } else {
    open_features_ = asked;
  }
  return decision;
}

CleanDecision Governor::clean_before(const GroupDecision& decision, const Reading& now) {
  if (!settings_.on) {
    return {};
  }
  const auto used = in_use(now, live_limit(budget_, now).bytes);
  const Bytes reclaimable = used ? used->reclaimable : Bytes();
  const bool reduced = !decision.fits || !decision.rung.empty();
  if (reduced && reclaimable + open_beyond_ > Bytes() && may_clean_first()) {
    return {Clean::kNormal,
            "admission",
            fmt::format("{} reclaimable, {} held beyond the plan: {}",
                        to_string(reclaimable),
                        to_string(open_beyond_),
                        decision.reason)};
  }
  return policy_->decide(history_, {used, decision.upper, open_features_.resting});
}

/// Not at once after a clean-up, and after one in vain only when some groups have passed.
bool Governor::may_clean_first() const {
  if (!history_.last_cleanup()) {
    return true;
  }
  const std::uint32_t doublings = std::min(history_.fruitless_streak(), kMostDoublings);
  return history_.groups_since() >= (std::uint64_t{1} << doublings);
}

/// By the readings: the budget less what stands outside of the engine's allocator. These are of
/// several moments and tell pages apart by sums (a released tower's pages, which a heap keeps,
/// stand outside), so a group that fits by plan has the room of its plan all the same.
std::optional<Bytes> Governor::guard_limit(const Reading& now, const Plan& group) const {
  const Bytes live = live_limit(budget_, now).bytes;
  const Bytes limit = saturating_minus(live, group.worst().of({PartKind::kCache}));
  if (budget_.counter == Counter::kDevice) {
    return limit;
  }
  if (!now.active || !now.worker_footprint) {
    return std::nullopt;
  }
  const Bytes in_allocator = *now.active + now.cache.value_or(Bytes());
  const Bytes outside = saturating_minus(*now.worker_footprint, in_allocator) +
                        now.supervisor_footprint.value_or(Bytes());
  const Bytes by_readings = saturating_minus(limit, outside);
  if (group.planned_peak() > live) {
    return by_readings;
  }
  const Bytes spare = std::min(group.reserve, live - group.planned_peak());
  return std::max(by_readings, group.arrays_peak() + spare);
}

/// Half-way from what is held to the plan, or to the guard's limit where that is nearer. What
/// stands between two looks of the worker's guard may queue as much again: with the plan itself as
/// the throttle, and 32 MiB kept for reuse, groups measured up to 1.9 times their plan on an H200;
/// with half of it they stayed below it, with 32 MiB as with 1 GiB, which is part of the plan.
Bytes Governor::throttle(const Reading& now, const Plan& group) const {
  const Bytes held = now.active.value_or(Bytes());
  const Bytes most =
      std::min(group.planned_peak(), guard_limit(now, group).value_or(group.planned_peak()));
  return held + scaled(saturating_minus(most, held), 0.5);
}

void Governor::refused(const GroupFacts& rest, const GroupDecision& decision) {
  note_decision(decision, rest.id, complete(last_.value_or(Reading())));
}

/// On record where it reduces or refuses.
void Governor::note_decision(const GroupDecision& decision,
                             const std::string& group,
                             const Reading& now) {
  if (decision.fits && decision.rung.empty()) {
    return;
  }
  MemoryEvent event;
  event.kind = decision.fits ? MemoryEvent::Kind::kRung : MemoryEvent::Kind::kRefuse;
  event.group = group;
  event.detail = decision.rung;
  event.reason = decision.reason;
  event.before = now;
  event.numbers = {{"planned_peak_bytes", decision.planned_peak.count()},
                   {"predicted_peak_bytes", decision.predicted_peak.count()},
                   {"predicted_upper_bytes", decision.upper.count()},
                   {"limit_bytes", live_limit(budget_, now).bytes.count()}};
  counts_.refused += decision.fits ? 0 : 1;
  note(std::move(event));
}

}  // namespace headroom::memory
