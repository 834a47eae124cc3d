#include "memory/process_footprint.h"

namespace headroom::memory {

std::optional<Bytes> ProcessMemory::sum(std::span<const pid_t> pids) const {
  std::optional<Bytes> total;
  for (const pid_t pid : pids) {
    if (const auto one = footprint(pid)) {
      total = total.value_or(Bytes()) + one->now;
    }
  }
  return total;
}

}  // namespace headroom::memory
