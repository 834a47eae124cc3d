#pragma once

#include <string_view>

#include "memory/cleanup_policy.h"

namespace headroom::memory {

struct AdaptiveSettings {
  double high = 0.80;         ///< share of the limit at which pressure begins
  double low = 0.70;          ///< below which it ends: between the two it stays what it was
  bool cache_yields = false;  ///< the allocator gives its cache back by itself at the limit
};

/// Follows pressure. Held above `high`: aggressive, until held falls below `low`. Held below it,
/// but above `high` together with a cache that does not yield: normal, since the cache alone is in
/// the way. After a clean-up that gave nothing back it pauses, longer each time, unless more is in
/// use.
class AdaptivePolicy final : public CleanupPolicy {
 public:
  explicit AdaptivePolicy(AdaptiveSettings settings = {}) : settings_(settings) {}

  std::string_view name() const override { return "adaptive"; }

  bool pressed() const { return pressed_; }

 private:
  CleanDecision answer(const History& history, const Upcoming& next) override;

  AdaptiveSettings settings_;
  bool pressed_ = false;
};

}  // namespace headroom::memory
