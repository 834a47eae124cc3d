#include "worker/wall.h"

#include <fmt/format.h>

#include "base/errors.h"

namespace headroom::worker {

Wall make_wall(memory::WallMode mode, const WallPlaces& places) {
  using memory::WallMode;
  Wall wall;
  if (mode == WallMode::kOff) {
    return wall;
  }
  if (mode == WallMode::kWatch) {
    wall.watch = true;
    wall.text = "the supervisor's watch (--wall watch)";
    return wall;
  }
  KernelWallSearch search = find_kernel_wall(places);
  wall.kernel = std::move(search.found);
  if (!wall.kernel && mode == WallMode::kKernel) {
    throw UsageError(
        "E-WALL",
        fmt::format("--wall kernel: the system allows no limit on the worker: {}; use --wall auto, "
                    "or run where a memory cgroup is delegated",
                    search.why_not));
  }
  wall.watch = !wall.kernel;
  wall.text = wall.kernel ? "the kernel's limit, " + wall.kernel->text() : "the supervisor's watch";
  if (!search.why_not.empty()) {
    wall.text += fmt::format(" ({})", search.why_not);
  }
  return wall;
}

}  // namespace headroom::worker
