#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "memory/process_footprint.h"
#include "memory/reading.h"

namespace headroom::memory {

/// The memory controller's figures for this process: of the group, or of the group above it, that
/// leaves least.
struct CgroupMemory {
  int version = 0;  ///< 1 or 2
  std::filesystem::path folder;
  std::optional<Bytes> limit;  ///< v2: the lower of memory.max and memory.high; empty: unlimited
  Bytes used;                  ///< less inactive file pages, which the kernel drops first
  std::optional<std::uint64_t> oom_kills;  ///< in the process's own group, since it was made
};

/// Empty where no memory controller holds this process. `root`: in front of /proc and /sys.
std::optional<CgroupMemory> read_cgroup_memory(const std::filesystem::path& root = "/");

/// What the operating system says: supervisor_footprint (this process), worker_footprint and its
/// peak (the watched processes, or all descendants of this one), system_available, cgroup_used,
/// cgroup_limit. Linux: /proc and cgroup v1 and v2; macOS: task figures.
/// Thread: all members may be called from any thread.
class SystemMemorySource final : public MemorySource {
 public:
  explicit SystemMemorySource(const Clock& clock, std::filesystem::path root = "/");

  Reading read() override;

  /// From now on these processes are the workers; with none, all descendants are.
  void watch(std::vector<pid_t> workers);

 private:
  void read_processes(Reading& reading) const;

  const Clock& clock_;
  std::filesystem::path root_;
  ProcessMemory processes_;
  mutable std::mutex mutex_;
  std::vector<pid_t> workers_;
};

}  // namespace headroom::memory
