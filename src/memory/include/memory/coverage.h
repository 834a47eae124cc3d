#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "memory/ladder.h"

namespace headroom::memory {

/// A run's groups against a budget, by arithmetic alone.
struct Coverage {
  Plan plan;             ///< of the hardest group that fits, on its rung; where none fits, of the
                         ///< hardest on the lowest rung
  std::size_t sets = 0;  ///< different sets of pictures
  std::size_t refused = 0;  ///< of those, that fit on no rung: their questions end in `memory`
  std::optional<Plan> hardest_refused;  ///< on the lowest rung

  bool any_fits() const { return refused < sets; }
};

/// `wished`: all but the pictures, of which each of `sets` is tried; none: a group without
/// pictures.
Coverage cover(const Geometry& geometry,
               const Workload& wished,
               std::vector<std::vector<PictureCost>> sets,
               Allowed allowed,
               const Budget& budget);

}  // namespace headroom::memory
