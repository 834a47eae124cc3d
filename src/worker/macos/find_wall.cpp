// macOS limits no other process's memory.
#include "worker/wall.h"

namespace headroom::worker {

KernelWallSearch find_kernel_wall(const WallPlaces&) {
  return {nullptr, "macOS has no limit on another process's memory"};
}

}  // namespace headroom::worker
