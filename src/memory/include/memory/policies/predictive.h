#pragma once

#include <string_view>

#include "memory/cleanup_policy.h"

namespace headroom::memory {

struct PredictiveSettings {
  bool cache_yields = false;  ///< the allocator gives its cache back by itself at the limit
};

/// Cleans before the group that would cross the limit, and before no other: when what is in use now
/// and what the group's predicted bound adds to what rests are more than the limit, and there is
/// something to get back: a cache, or growth since the last clean-up. Normal where giving the cache
/// back is enough, else aggressive. After clean-ups in vain it pauses, longer each time.
class PredictivePolicy final : public CleanupPolicy {
 public:
  explicit PredictivePolicy(PredictiveSettings settings = {}) : settings_(settings) {}

  std::string_view name() const override { return "predictive"; }

 private:
  CleanDecision answer(const History& history, const Upcoming& next) override;

  PredictiveSettings settings_;
};

}  // namespace headroom::memory
