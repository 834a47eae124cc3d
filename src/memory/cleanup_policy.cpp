#include "memory/cleanup_policy.h"

#include <algorithm>

namespace headroom::memory {

namespace {

constexpr std::size_t kGroupsKept = 256;
constexpr Bytes kWorthIt = 1_MiB;
constexpr double kWorthItShare = 0.005;

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

double Usage::pressure() const {
  return limit == Bytes() ? 0.0
                          : static_cast<double>(held.count()) / static_cast<double>(limit.count());
}

std::optional<Usage> usage(const Reading& reading, Counter counter, Bytes limit) {
  if (counter == Counter::kDevice) {
    if (!reading.active) {
      return std::nullopt;
    }
    return Usage{*reading.active, reading.cache.value_or(Bytes()), limit};
  }
  const auto total = total_footprint(reading);
  if (!total) {
    return std::nullopt;
  }
  // The cache's pages may have been swapped or never touched: no more than there is.
  const Bytes cache = std::min(reading.cache.value_or(Bytes()), *total);
  return Usage{*total - cache, cache, limit};
}

Bytes worthwhile(Bytes limit) { return std::max(kWorthIt, scaled(limit, kWorthItShare)); }

CleanUp judge(Clean clean, const std::optional<Usage>& before, const std::optional<Usage>& after) {
  CleanUp result;
  result.clean = clean;
  result.before = before;
  result.after = after;
  if (before && after) {
    const Bytes least = worthwhile(before->limit);
    result.freed = saturating_minus(before->total(), after->total());
    result.fruitless = result.freed < least;
    result.unrelieved = saturating_minus(before->held, after->held) < least;
  }
  return result;
}

void History::add(const GroupUsage& group) {
  groups_.push_back(group);
  if (!resting_) {
    resting_ = group.after;
  }
  if (groups_.size() > kGroupsKept) {
    groups_.pop_front();
  }
  questions_ += group.questions;
  pictures_ += group.pictures;
  ++groups_since_;
}

void History::add(const CleanUp& cleanup) {
  last_ = cleanup;
  resting_ = cleanup.after;
  questions_ = 0;
  pictures_ = 0;
  groups_since_ = 0;
  fruitless_streak_ = cleanup.fruitless ? fruitless_streak_ + 1 : 0;
  unrelieved_streak_ = cleanup.unrelieved ? unrelieved_streak_ + 1 : 0;
}

CleanDecision CleanupPolicy::decide(const History& history, const Upcoming& next) {
  if (history.last_cleanup() && history.groups_since() == 0) {
    return {Clean::kNone, std::string(name()), "nothing was asked since the last clean-up"};
  }
  return answer(history, next);
}

std::optional<Usage> History::current() const {
  if (groups_since_ == 0 && last_) {
    return last_->after;
  }
  return groups_.empty() ? std::nullopt : groups_.back().after;
}

}  // namespace headroom::memory
