#include "memory/policies/composite.h"

#include <algorithm>
#include <utility>

namespace headroom::memory {

CompositePolicy::CompositePolicy(std::vector<std::unique_ptr<CleanupPolicy>> policies)
    : policies_(std::move(policies)) {}

CleanDecision CompositePolicy::answer(const History& history, const Upcoming& next) {
  CleanDecision strongest;
  for (const auto& policy : policies_) {
    CleanDecision one = policy->decide(history, next);
    // The reasons of those that want one are kept; until one does, why somebody declined.
    if (one.clean != Clean::kNone && strongest.clean != Clean::kNone) {
      strongest.policy += " + " + one.policy;
      strongest.reason += "; " + one.reason;
      strongest.clean = std::max(strongest.clean, one.clean);
    } else if (one.clean != Clean::kNone ||
               (strongest.clean == Clean::kNone && strongest.reason.empty())) {
      strongest = std::move(one);
    }
  }
  return strongest;
}

}  // namespace headroom::memory
