#pragma once

#include <cstdint>
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
/// Tokens of the text that all questions begin with, where they are prefilled once for all.
std::uint32_t shared_text(const Workload& workload);
/// What a group's pictures hold at most while they are decoded, one after the other: the others
/// wait with their pixels.
Bytes decoding(const std::vector<PictureCost>& pictures);

}  // namespace headroom::memory
