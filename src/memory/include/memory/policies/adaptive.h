#pragma once

#include <cstdint>
#include <string_view>

#include "memory/cleanup_policy.h"

namespace headroom::memory {

struct AdaptiveSettings {
  double high = 0.80;  ///< share of the limit at which pressure begins
  double low = 0.70;   ///< below which it ends: between the two it stays what it was
  double growth =
      0.02;  ///< of the limit: held must grow so much for a repeat after a fruitless one
  std::uint32_t longest_pause = 32;  ///< groups: pauses after fruitless ones double up to this
};

/// Follows pressure. Held above `high`: aggressive, until held falls below `low`. Held below it,
/// but above `high` together with the cache: normal, since the cache alone is in the way. After a
/// clean-up that gave nothing back it pauses, longer each time, unless held has grown.
class AdaptivePolicy final : public CleanupPolicy {
 public:
  explicit AdaptivePolicy(AdaptiveSettings settings = {}) : settings_(settings) {}

  std::string_view name() const override { return "adaptive"; }

  CleanDecision decide(const History& history) override;

  bool pressed() const { return pressed_; }

 private:
  /// After a streak of clean-ups in vain; `grown` is the growth since the last one.
  bool may_repeat(const History& history, std::uint32_t streak, Bytes grown, Bytes limit) const;

  AdaptiveSettings settings_;
  bool pressed_ = false;
};

}  // namespace headroom::memory
