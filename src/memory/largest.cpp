#include <algorithm>

#include "fitting_chunk.h"
#include "largest_good.h"
#include "memory/ladder.h"
#include "memory/plan.h"

namespace headroom::memory {

namespace {

constexpr std::uint32_t kMostSequences = 1U << 16U;

bool fits_with_some_chunk(const Geometry& geometry,
                          const Workload& workload,
                          const Budget& budget) {
  return with_fitting_chunk(
             geometry,
             workload,
             [&](const Workload& candidate) { return fits(geometry, candidate, budget); })
      .has_value();
}

}  // namespace

Largest largest_that_fit(const Geometry& geometry,
                         const Workload& workload,
                         const std::vector<PictureCost>& pictures,
                         const Budget& budget) {
  Largest largest;
  largest.batch = largest_good(1, kMostSequences, [&](std::uint32_t batch) {
    Workload candidate = workload;
    candidate.batch = batch;
    return fits_with_some_chunk(geometry, candidate, budget);
  });
  const PictureCost* const hardest = largest_picture(workload.pictures);
  if (hardest == nullptr) {
    return largest;
  }
  const auto place = hardest - workload.pictures.data();
  largest.any_picture = true;
  for (const PictureCost& picture : pictures) {
    Workload candidate = workload;
    candidate.pictures[static_cast<std::size_t>(place)] = picture;
    if (!fits_with_some_chunk(geometry, candidate, budget)) {
      largest.any_picture = false;
      break;
    }
    largest.picture_side = std::max(picture.width, picture.height);
  }
  return largest;
}

Json to_json(const Largest& largest) {
  Json json = {{"any_picture", largest.any_picture}};
  if (largest.picture_side) {
    json["picture_side"] = *largest.picture_side;
  }
  if (largest.batch) {
    json["batch"] = *largest.batch;
  }
  return json;
}

}  // namespace headroom::memory
