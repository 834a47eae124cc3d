#include "fitting_chunk.h"

#include <algorithm>

#include "plan_phases.h"

namespace headroom::memory {

namespace {

constexpr std::uint32_t kSmallestChunk = 64;

/// New tokens of the longest forward pass, when no chunk is set.
std::uint32_t whole_prefill(const Workload& workload) {
  const std::uint32_t shared = shared_text(workload);
  std::uint64_t prefix = shared;
  for (const PictureCost& picture : workload.pictures) {
    prefix += picture.tokens;
  }
  const std::uint64_t batch = std::max(workload.batch, 1U);
  const std::uint64_t questions = batch * (workload.text_tokens - shared);
  const std::uint64_t tokens =
      shares_prefix(workload) ? std::max(prefix, questions) : prefix * batch + questions;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(tokens, 1U << 30U));
}

}  // namespace

std::optional<Workload> with_fitting_chunk(const Geometry& geometry,
                                           Workload workload,
                                           const Fits& fits) {
  while (!fits(workload)) {
    if (!geometry.prefills_in_chunks) {
      return std::nullopt;
    }
    const std::uint32_t now =
        workload.prefill_chunk == 0 ? whole_prefill(workload) : workload.prefill_chunk;
    if (now <= kSmallestChunk) {
      return std::nullopt;
    }
    workload.prefill_chunk = std::max(kSmallestChunk, now / 2);
  }
  return workload;
}

Workload with_smallest_chunk(const Geometry& geometry, Workload workload) {
  if (!geometry.prefills_in_chunks) {
    return workload;
  }
  workload.prefill_chunk = workload.prefill_chunk == 0
                               ? kSmallestChunk
                               : std::min(workload.prefill_chunk, kSmallestChunk);
  return workload;
}

}  // namespace headroom::memory
