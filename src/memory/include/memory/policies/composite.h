#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "memory/cleanup_policy.h"

namespace headroom::memory {

/// Asks all of its policies, takes the strongest answer and joins the reasons of those that want
/// one.
class CompositePolicy final : public CleanupPolicy {
 public:
  explicit CompositePolicy(std::vector<std::unique_ptr<CleanupPolicy>> policies);

  std::string_view name() const override { return "composite"; }

 private:
  CleanDecision answer(const History& history, const Upcoming& next) override;

  std::vector<std::unique_ptr<CleanupPolicy>> policies_;
};

}  // namespace headroom::memory
