// Unverified: written against Apple's documentation, neither compiled nor run on a Mac yet.
#include "memory/process_footprint.h"

#include <libproc.h>
#include <sys/resource.h>

namespace headroom::memory {

std::optional<ProcessFootprint> ProcessMemory::footprint(pid_t pid) const {
  rusage_info_v4 usage{};
  if (proc_pid_rusage(pid, RUSAGE_INFO_V4, reinterpret_cast<rusage_info_t*>(&usage)) != 0) {
    return std::nullopt;
  }
  ProcessFootprint result;
  result.now = Bytes(usage.ri_phys_footprint);
  result.peak = Bytes(usage.ri_lifetime_max_phys_footprint);
  return result;
}

std::optional<ProcessFootprint> ProcessMemory::exact_footprint(pid_t pid) const {
  return footprint(pid);
}

std::vector<pid_t> ProcessMemory::descendants(pid_t pid) const {
  constexpr int kMostChildren = 256;
  std::vector<pid_t> all;
  std::vector<pid_t> open = {pid};
  while (!open.empty()) {
    const pid_t parent = open.back();
    open.pop_back();
    std::vector<pid_t> children(kMostChildren);
    const int count = proc_listchildpids(
        parent, children.data(), static_cast<int>(children.size() * sizeof(pid_t)));
    for (int at = 0; at < count && at < kMostChildren; ++at) {
      all.push_back(children[static_cast<std::size_t>(at)]);
      open.push_back(children[static_cast<std::size_t>(at)]);
    }
  }
  return all;
}

bool ProcessMemory::reset_peak(pid_t) const { return false; }

}  // namespace headroom::memory
