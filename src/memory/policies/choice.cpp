#include <utility>
#include <vector>

#include "memory/policies.h"
#include "memory/policies/adaptive.h"
#include "memory/policies/composite.h"

namespace headroom::memory {

std::unique_ptr<CleanupPolicy> default_policy(std::uint32_t every_questions) {
  std::vector<std::unique_ptr<CleanupPolicy>> policies;
  policies.push_back(
      std::make_unique<PeriodicPolicy>(PeriodicPolicy::Unit::kQuestions, every_questions));
  policies.push_back(std::make_unique<AdaptivePolicy>());
  return std::make_unique<CompositePolicy>(std::move(policies));
}

}  // namespace headroom::memory
