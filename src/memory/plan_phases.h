#pragma once

#include <vector>

#include "memory/plan.h"

namespace headroom::memory {

/// The phases of a plan; without `describe` the parts have no detail, which is several times
/// faster.
std::vector<PhasePlan> plan_phases(const Geometry& geometry,
                                   const Workload& workload,
                                   bool describe);
/// Whether the pictures' prefix is prefilled by itself: one question alone is prefilled whole.
bool shares_prefix(const Workload& workload);
/// What a plan of this peak keeps back.
Bytes plan_reserve(Bytes peak);

}  // namespace headroom::memory
