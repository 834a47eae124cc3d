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

/// Where this process's group stands in the hierarchy of cgroups of one version.
struct CgroupFolders {
  std::filesystem::path own;
  std::filesystem::path top;  ///< of what is mounted
};

/// Of version 1's memory controller, or of version 2. Empty where there is no such hierarchy.
std::optional<CgroupFolders> cgroup_folders(int version, const std::filesystem::path& root = "/");

/// What the operating system says: supervisor_footprint (this process), worker_footprint and its
/// peak (the watched processes, or all descendants of this one), system_available, cgroup_used,
/// cgroup_limit. Linux: /proc and cgroup v1 and v2; macOS: task figures.
/// Footprints are of the moment. The machine's figures and the list of descendants cost more,
/// change slowly, and may be as old as kSlowSensors; a child of this process that has come or gone
/// renews them at once, so that no life of an engine is too short to be counted.
/// Thread: all members may be called from any thread.
class SystemMemorySource final : public MemorySource {
 public:
  static constexpr Duration kSlowSensors = std::chrono::milliseconds(500);

  explicit SystemMemorySource(const Clock& clock, std::filesystem::path root = "/");

  Reading read() override;
  void renew() override;

  /// From now on these processes are the workers; with none, all descendants are.
  void watch(std::vector<pid_t> workers);

 private:
  /// Returns false when a worker that was known is gone.
  bool read_workers(Reading& reading) const;
  /// Looks for the workers and reads the slow sensors.
  void look_for_all();

  const Clock& clock_;
  std::filesystem::path root_;
  ProcessMemory processes_;
  std::mutex mutex_;             ///< of all below
  std::vector<pid_t> watched_;   ///< empty: the descendants
  std::vector<pid_t> children_;  ///< of this process, when the workers were looked for
  std::vector<pid_t> workers_;   ///< whose footprints are read
  Reading slow_;                 ///< the machine's figures
  std::optional<TimePoint> renewed_;
};

}  // namespace headroom::memory
