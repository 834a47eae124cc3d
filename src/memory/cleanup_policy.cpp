#include "memory/cleanup_policy.h"

#include <fmt/format.h>

#include <algorithm>

namespace headroom::memory {

namespace {

std::string shares_text(const Usage& now) {
  return fmt::format("{} of {} held ({:.1f} %), {} reclaimable",
                     to_string(now.held),
                     to_string(now.limit),
                     100.0 * now.pressure(),
                     to_string(now.reclaimable));
}

}  // namespace

std::string_view to_string(Clean clean) {
  switch (clean) {
    case Clean::kNormal:
      return "normal";
    case Clean::kAggressive:
      return "aggressive";
    case Clean::kNone:
      break;
  }
  return "none";
}

CleanDecision PeriodicPolicy::decide(const History& history) {
  const bool questions = unit_ == Unit::kQuestions;
  const std::uint64_t since = questions ? history.questions() : history.pictures();
  if (every_ == 0 || since < every_) {
    return {Clean::kNone, "periodic", {}};
  }
  return {Clean::kNormal,
          "periodic",
          fmt::format("{} {} since the last clean-up, every {}",
                      since,
                      questions ? "questions" : "pictures",
                      every_)};
}

bool AdaptivePolicy::may_repeat(const History& history,
                                std::uint32_t streak,
                                Bytes grown,
                                Bytes limit) const {
  if (streak == 0 || grown >= scaled(limit, settings_.growth)) {
    return true;
  }
  const std::uint32_t doublings = std::min(streak, 16U);
  const std::uint64_t pause =
      std::min<std::uint64_t>(std::uint64_t{1} << doublings, settings_.longest_pause);
  return history.groups_since() >= pause;
}

CleanDecision AdaptivePolicy::decide(const History& history) {
  const auto now = history.current();
  if (!now || now->limit == Bytes()) {
    return {Clean::kNone, "adaptive", "no reading"};
  }
  if (now->pressure() >= settings_.high) {
    pressed_ = true;
  } else if (now->pressure() < settings_.low) {
    pressed_ = false;
  }
  const bool cache_in_the_way =
      now->reclaimable > Bytes() && now->total() >= scaled(now->limit, settings_.high);
  if (!pressed_ && !cache_in_the_way) {
    return {Clean::kNone, "adaptive", {}};
  }
  const std::optional<CleanUp>& last = history.last_cleanup();
  const Usage then = last ? last->after.value_or(Usage()) : Usage();
  const Bytes held_grown = saturating_minus(now->held, then.held);
  if (pressed_ && may_repeat(history, history.unrelieved_streak(), held_grown, now->limit)) {
    return {Clean::kAggressive,
            "adaptive",
            fmt::format("pressure: {}; begins at {:.0f} %, ends below {:.0f} %",
                        shares_text(*now),
                        100 * settings_.high,
                        100 * settings_.low)};
  }
  const Bytes total_grown = saturating_minus(now->total(), then.total());
  if (cache_in_the_way &&
      may_repeat(history, history.fruitless_streak(), total_grown, now->limit)) {
    return {Clean::kNormal,
            "adaptive",
            fmt::format("cache in the way: {}; together above {:.0f} %",
                        shares_text(*now),
                        100 * settings_.high)};
  }
  return {Clean::kNone,
          "adaptive",
          fmt::format("{}: pausing, {} clean-ups in a row gave nothing back",
                      shares_text(*now),
                      std::max(history.fruitless_streak(), history.unrelieved_streak()))};
}

CompositePolicy::CompositePolicy(std::vector<std::unique_ptr<CleanupPolicy>> policies)
    : policies_(std::move(policies)) {}

CleanDecision CompositePolicy::decide(const History& history) {
  CleanDecision strongest;
  for (const auto& policy : policies_) {
    CleanDecision one = policy->decide(history);
    // The reasons of those that want one are kept; until one does, why somebody declined.
    if (one.clean != Clean::kNone && strongest.clean != Clean::kNone) {
      strongest.policy += " + " + one.policy;
      strongest.reason += "; " + one.reason;
      strongest.clean = std::max(strongest.clean, one.clean);
    } else if (one.clean != Clean::kNone ||
               (strongest.clean == Clean::kNone && strongest.reason.empty())) {
      strongest = std::move(one);
    }
  }
  return strongest;
}

std::unique_ptr<CleanupPolicy> default_policy(std::uint32_t every_questions) {
  std::vector<std::unique_ptr<CleanupPolicy>> policies;
  policies.push_back(
      std::make_unique<PeriodicPolicy>(PeriodicPolicy::Unit::kQuestions, every_questions));
  policies.push_back(std::make_unique<AdaptivePolicy>());
  return std::make_unique<CompositePolicy>(std::move(policies));
}

}  // namespace headroom::memory
