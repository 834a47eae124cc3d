#include "memory/policies/dynamic_interval.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "policies/repeat.h"

namespace headroom::memory {

namespace {

/// Groups that make a slope, and those looked back on: pairs of them are compared after each group.
constexpr std::size_t kLeastGroups = 6;
constexpr std::size_t kMostGroups = 32;

struct Point {
  double questions = 0;  ///< so far
  double bytes = 0;
};

double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

DynamicIntervalPolicy::DynamicIntervalPolicy(DynamicIntervalSettings settings)
    : settings_(settings), interval_(settings.longest) {}

Bytes DynamicIntervalPolicy::counted(const Usage& usage) const {
  return settings_.cache_yields ? usage.held : usage.total();
}

void DynamicIntervalPolicy::measure_growth(const History& history) {
  const std::size_t since = std::min<std::size_t>(
      {static_cast<std::size_t>(history.groups_since()), history.groups().size(), kMostGroups});
  std::vector<Point> points;
  double questions = 0;
  for (std::size_t i = history.groups().size() - since; i < history.groups().size(); ++i) {
    const GroupUsage& group = history.groups()[i];
    questions += std::max(group.questions, 1U);
    if (group.after) {
      points.push_back({questions, static_cast<double>(counted(*group.after).count())});
    }
  }
  if (points.size() < kLeastGroups) {
    return;
  }
  std::vector<double> slopes;
  for (std::size_t a = 0; a < points.size(); ++a) {
    for (std::size_t b = a + 1; b < points.size(); ++b) {
      slopes.push_back((points[b].bytes - points[a].bytes) /
                       (points[b].questions - points[a].questions));
    }
  }
  growth_ = median(slopes) * questions / static_cast<double>(since);
}

void DynamicIntervalPolicy::follow(double target) {
  while (target >= 2.0 * interval_ && interval_ < settings_.longest) {
    interval_ = std::min(interval_ * 2, settings_.longest);
  }
  while (target <= 0.5 * interval_ && interval_ > settings_.shortest) {
    interval_ = std::max(interval_ / 2, settings_.shortest);
  }
}

CleanDecision DynamicIntervalPolicy::answer(const History& history, const Upcoming& next) {
  const auto now = next.now ? next.now : history.current();
  if (!now || !history.resting() || now->limit == Bytes()) {
    return {Clean::kNone, "dynamic", "no reading"};
  }
  const Bytes resting = counted(*history.resting());
  const Bytes allowed =
      scaled(saturating_minus(scaled(now->limit, settings_.high), resting), settings_.share);
  measure_growth(history);
  const double most = settings_.longest;
  follow(growth_ > 0 ? std::min(static_cast<double>(allowed.count()) / growth_, most) : most);
  const Bytes grown = saturating_minus(counted(*now), resting);
  const Bytes due = std::max(worthwhile(now->limit), scaled(allowed, 0.5));
  if (history.groups_since() < interval_ || grown < due) {
    return {Clean::kNone, "dynamic", {}};
  }
  if (!may_repeat(history, history.fruitless_streak(), grown, now->limit)) {
    return {Clean::kNone,
            "dynamic",
            fmt::format("pausing, {} clean-ups in a row gave nothing back",
                        history.fruitless_streak())};
  }
  return {Clean::kNormal,
          "dynamic",
          fmt::format("{} groups since the last clean-up, every {}: {} grown, {} a group, of {} "
                      "allowed between {} resting and {:.0f} % of {}",
                      history.groups_since(),
                      interval_,
                      to_string(grown),
                      difference_to_string(static_cast<std::int64_t>(growth_)),
                      to_string(allowed),
                      to_string(resting),
                      100 * settings_.high,
                      to_string(now->limit))};
}

}  // namespace headroom::memory
