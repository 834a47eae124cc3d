#pragma once

#include <cstdint>
#include <string_view>

#include "memory/cleanup_policy.h"

namespace headroom::memory {

struct DynamicIntervalSettings {
  double share = 0.5;          ///< of the spare that growth may use before a clean-up
  double high = 0.80;          ///< of the limit: the spare lies between what rests and here
  std::uint32_t shortest = 1;  ///< groups
  std::uint32_t longest = 256;
  bool cache_yields = false;  ///< the allocator gives its cache back by itself at the limit
};

/// Every so many groups, as growth and spare say: the interval is that after which growth at its
/// slope (median of the slopes between groups since the last clean-up, by question) has used
/// `share` of the spare between what rests, the model above all, and the high watermark. Long where
/// memory is ample, short where it is tight. The interval only doubles or halves, once it is off by
/// that much. Nothing is cleaned before half of that growth is really there: a cache that has
/// stopped growing is left alone.
class DynamicIntervalPolicy final : public CleanupPolicy {
 public:
  explicit DynamicIntervalPolicy(DynamicIntervalSettings settings = {});

  std::string_view name() const override { return "dynamic"; }

  std::uint32_t interval() const { return interval_; }

 private:
  CleanDecision answer(const History& history, const Upcoming& next) override;
  Bytes counted(const Usage& usage) const;
  /// Bytes a group; keeps what it was where too few groups were asked since the last clean-up.
  void measure_growth(const History& history);
  void follow(double target);

  DynamicIntervalSettings settings_;
  std::uint32_t interval_;
  double growth_ = 0;
};

}  // namespace headroom::memory
