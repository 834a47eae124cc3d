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

std::vector<pid_t> ProcessMemory::descendants(pid_t pid) const {
  std::vector<pid_t> all = children(pid);
  for (std::size_t at = 0; at < all.size(); ++at) {
    const std::vector<pid_t> next = children(all[at]);
    all.insert(all.end(), next.begin(), next.end());
  }
  return all;
}

}  // namespace headroom::memory
