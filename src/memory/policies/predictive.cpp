#include "memory/policies/predictive.h"

#include <fmt/format.h>

#include "policies/repeat.h"

namespace headroom::memory {

CleanDecision PredictivePolicy::answer(const History& history, const Upcoming& next) {
  const auto now = next.now ? next.now : history.current();
  if (!next.upper || !now || now->limit == Bytes()) {
    return {Clean::kNone, "predictive", {}};
  }
  const Bytes in_use = settings_.cache_yields ? now->held : now->total();
  const Bytes added = saturating_minus(*next.upper, next.resting);
  const Bytes projected = in_use + added;
  if (projected <= now->limit) {
    return {Clean::kNone, "predictive", {}};
  }
  const Usage then = history.resting().value_or(*now);
  const Bytes cache = settings_.cache_yields ? Bytes() : now->reclaimable;
  const Bytes growth = saturating_minus(now->held, then.held);
  const std::string numbers = fmt::format(
      "{} in use and at most {} more for the next group are {} of {}; to get back: {} cached, {} "
      "grown",
      to_string(in_use),
      to_string(added),
      to_string(projected),
      to_string(now->limit),
      to_string(cache),
      to_string(growth));
  if (cache + growth < worthwhile(now->limit)) {
    return {Clean::kNone, "predictive", numbers + ": not worth a clean-up"};
  }
  const Bytes grown = saturating_minus(now->total(), then.total());
  if (!may_repeat(history, history.fruitless_streak(), grown, now->limit)) {
    return {Clean::kNone,
            "predictive",
            fmt::format("{}: pausing, {} clean-ups in a row gave nothing back",
                        numbers,
                        history.fruitless_streak())};
  }
  const bool cache_is_enough = saturating_minus(projected, cache) <= now->limit;
  return {cache_is_enough ? Clean::kNormal : Clean::kAggressive, "predictive", numbers};
}

}  // namespace headroom::memory
