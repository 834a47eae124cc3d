#include "memory/device_cache.h"

#include <algorithm>

namespace headroom::memory {
namespace {

constexpr std::uint64_t kPasses = 10;
constexpr Bytes kMostCache = 1_GiB;

/// What the worst of the phases takes and gives back.
Bytes taken_by_passes(const Plan& plan) {
  Bytes most;
  for (const PhasePlan& phase : plan.phases) {
    most = std::max(most, phase.taken_by_passes());
  }
  return most;
}

}  // namespace

Bytes device_cache(const Plan& plan, const Budget& budget) {
  const Bytes room = saturating_minus(budget.limit, plan.required());
  const Bytes most = std::min(kMostCache, Bytes(room.count() / 4));
  return std::max(kLeastCache, std::min(taken_by_passes(plan) * kPasses, most));
}

Plan with_device_cache(const Plan& plan, const Budget& budget) {
  Workload workload = plan.workload;
  workload.allocator_cache = device_cache(plan, budget);
  return make_plan(plan.geometry, workload);
}

}  // namespace headroom::memory
