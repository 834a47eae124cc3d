#pragma once

#include <cstdint>
#include <memory>

#include "memory/cleanup_policy.h"
#include "memory/policies/periodic.h"

namespace headroom::memory {

/// Periodic by questions (0: not) and adaptive with its defaults.
std::unique_ptr<CleanupPolicy> default_policy(
    std::uint32_t every_questions = PeriodicPolicy::kQuestions);

}  // namespace headroom::memory
