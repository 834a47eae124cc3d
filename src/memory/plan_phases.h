#pragma once

#include <cstdint>
#include <functional>
#include <optional>
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

/// Peak and reserve against the budget, and the host's part against what the host can give.
bool fits(const Geometry& geometry, const Workload& workload, const Budget& budget);
/// The chunk halved until it fits or is as small as we go.
Workload with_fitting_chunk(const Geometry& geometry, Workload workload, const Budget& budget);
/// The largest value in [least, most] for which `good` holds, which must hold below any value for
/// which it does; nothing when it does not hold at `least`.
std::optional<std::uint32_t> largest_good(std::uint32_t least,
                                          std::uint32_t most,
                                          const std::function<bool(std::uint32_t)>& good);

}  // namespace headroom::memory
