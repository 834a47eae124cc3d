#pragma once

#include <optional>
#include <string_view>

#include "memory/cleanup_policy.h"

namespace headroom::memory {

struct GrowthLineSettings {
  double share = 0.5;  ///< of the spare between what a fresh child holds and `high`: the line
  double high = 0.80;  ///< of the limit
};

/// For an engine in a process of its own that cannot be asked to collect: nothing below a line.
/// Above it normal (its slots are erased), and when that brought it no lower, aggressive (it is
/// started again). What a fresh child holds is read after the first group and after each restart.
class GrowthLinePolicy final : public CleanupPolicy {
 public:
  explicit GrowthLinePolicy(GrowthLineSettings settings = {}) : settings_(settings) {}

  std::string_view name() const override { return "growth line"; }

 private:
  CleanDecision answer(const History& history, const Upcoming& next) override;

  GrowthLineSettings settings_;
  std::optional<Bytes> fresh_;  ///< held by a fresh child
};

}  // namespace headroom::memory
