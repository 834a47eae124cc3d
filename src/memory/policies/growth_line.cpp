#include "memory/policies/growth_line.h"

#include <fmt/format.h>

#include <algorithm>

#include "policies/repeat.h"

namespace headroom::memory {

namespace {

/// Of the limit: a child that fills the spare when fresh may grow this much all the same.
constexpr double kLeastGrowth = 0.05;

}  // namespace

CleanDecision GrowthLinePolicy::answer(const History& history, const Upcoming& next) {
  const auto now = next.now ? next.now : history.current();
  if (!now || now->limit == Bytes()) {
    return {Clean::kNone, "growth line", "no reading"};
  }
  const auto& last = history.last_cleanup();
  const bool restarted = last && last->clean == Clean::kAggressive && history.groups_since() == 1;
  if (!fresh_ || restarted) {
    fresh_ = now->held;
  }
  const Bytes spare = saturating_minus(scaled(now->limit, settings_.high), *fresh_);
  const Bytes line =
      *fresh_ + std::max(scaled(spare, settings_.share), scaled(now->limit, kLeastGrowth));
  if (now->held <= line) {
    return {Clean::kNone, "growth line", {}};
  }
  const Bytes grown = saturating_minus(now->held, history.resting().value_or(Usage()).held);
  const bool erased = last && last->clean == Clean::kNormal && last->after &&
                      (history.unrelieved_streak() > 0 || last->after->held > line);
  const std::string numbers = fmt::format(
      "{} held, {} when fresh, line {}", to_string(now->held), to_string(*fresh_), to_string(line));
  if (!erased && !may_repeat(history, history.unrelieved_streak(), grown, now->limit)) {
    return {Clean::kNone, "growth line", numbers + ": pausing, the last restart gave nothing back"};
  }
  return {erased ? Clean::kAggressive : Clean::kNormal,
          "growth line",
          numbers + (erased ? ": erasing slots was not enough" : "")};
}

}  // namespace headroom::memory
