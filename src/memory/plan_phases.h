#pragma once

#include <vector>

#include "memory/plan.h"

namespace headroom::memory {

/// The phases of a plan; without `describe` the parts have no detail, which is several times
/// faster.
std::vector<PhasePlan> plan_phases(const Geometry& geometry,
                                   const Workload& workload,
                                   bool describe);
/// What a plan of this peak keeps back.
Bytes plan_reserve(Bytes peak);

}  // namespace headroom::memory
