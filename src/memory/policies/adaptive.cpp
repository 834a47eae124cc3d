#include "memory/policies/adaptive.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/percent.h"
#include "policies/repeat.h"

namespace headroom::memory {

namespace {

std::string shares_text(const Usage& now) {
  return fmt::format("{} of {} held ({}), {} reclaimable",
                     to_string(now.held),
                     to_string(now.limit),
                     percent(now.pressure()),
                     to_string(now.reclaimable));
}

}  // namespace

CleanDecision AdaptivePolicy::answer(const History& history, const Upcoming& next) {
  const auto now = next.now ? next.now : history.current();
  if (!now || now->limit == Bytes()) {
    return {Clean::kNone, "adaptive", "no reading"};
  }
  if (now->pressure() >= settings_.high) {
    pressed_ = true;
  } else if (now->pressure() < settings_.low) {
    pressed_ = false;
  }
  const bool cache_in_the_way = !settings_.cache_yields && now->reclaimable > Bytes() &&
                                now->total() >= scaled(now->limit, settings_.high);
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

}  // namespace headroom::memory
