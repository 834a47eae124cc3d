#pragma once

#include <memory>

#include "memory/governor.h"
#include "memory/policies.h"
#include "run/specification.h"

namespace headroom::run {

/// What a run's specification asks of the governor. Throw UsageError for words that are unknown.
memory::GovernorSettings governor_settings(const Specification& spec);
std::unique_ptr<memory::CleanupPolicy> cleanup_policy(const Specification& spec,
                                                      memory::KindOfEngine kind,
                                                      memory::Counter counter);

}  // namespace headroom::run
