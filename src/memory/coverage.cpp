#include "memory/coverage.h"

#include <utility>

namespace headroom::memory {

namespace {

void keep_harder(std::optional<Plan>& hardest, Plan plan) {
  if (!hardest || plan.planned_peak() > hardest->planned_peak()) {
    hardest = std::move(plan);
  }
}

}  // namespace

Coverage cover(const Geometry& geometry,
               const Workload& wished,
               std::vector<std::vector<PictureCost>> sets,
               Allowed allowed,
               const Budget& budget) {
  if (sets.empty()) {
    sets.emplace_back();
  }
  Coverage result;
  result.sets = sets.size();
  std::optional<Plan> hardest;
  for (std::vector<PictureCost>& pictures : sets) {
    Workload workload = wished;
    workload.pictures = std::move(pictures);
    const Ladder ladder(geometry, std::move(workload), allowed);
    const auto rung = ladder.highest(
        [&](const Workload& candidate) { return fits(geometry, candidate, budget); });
    if (rung) {
      keep_harder(hardest, make_plan(geometry, rung->workload, false));
    } else {
      ++result.refused;
      keep_harder(result.hardest_refused, make_plan(geometry, ladder.lowest().workload, false));
    }
  }
  const Plan& shown = hardest ? *hardest : *result.hardest_refused;
  result.plan = make_plan(geometry, shown.workload);
  return result;
}

}  // namespace headroom::memory
