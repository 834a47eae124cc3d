// Unverified: written against Apple's documentation, neither compiled nor run on a Mac yet.
#include "memory/process_footprint.h"

#include <libproc.h>
#include <sys/resource.h>

#include <algorithm>

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

std::vector<pid_t> ProcessMemory::children(pid_t pid) const {
  constexpr int kMostChildren = 256;
  std::vector<pid_t> all(kMostChildren);
  const int count =
      proc_listchildpids(pid, all.data(), static_cast<int>(all.size() * sizeof(pid_t)));
  all.resize(static_cast<std::size_t>(std::clamp(count, 0, kMostChildren)));
  return all;
}

bool ProcessMemory::reset_peak(pid_t) const { return false; }

}  // namespace headroom::memory
