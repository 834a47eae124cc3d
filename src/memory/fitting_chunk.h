#pragma once

#include <optional>

#include "memory/ladder.h"
#include "memory/plan.h"

namespace headroom::memory {

/// The workload with its prefill chunk halved until it fits, down to 64 tokens; empty when it fits
/// with none. Where the model does not prefill in chunks, the workload itself or nothing.
std::optional<Workload> with_fitting_chunk(const Geometry& geometry,
                                           Workload workload,
                                           const Fits& fits);
/// With the smallest chunk that is tried.
Workload with_smallest_chunk(const Geometry& geometry, Workload workload);

}  // namespace headroom::memory
