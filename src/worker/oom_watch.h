#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace headroom::worker {

/// Counts of the kernel's out-of-memory kills that a process may fall under, before and after its
/// death. On systems without such a count, or where it cannot be read, nothing is known.
class OomWatch {
 public:
  /// Where the kernel shows itself; other roots are for tests.
  struct Roots {
    std::filesystem::path proc = "/proc";
    std::filesystem::path cgroup = "/sys/fs/cgroup";
  };

  explicit OomWatch(Roots roots) : roots_(std::move(roots)) {}

  OomWatch() : OomWatch(Roots{}) {}

  /// Finds the counter of the process's memory cgroup (v1 or v2, the machine's own otherwise) and
  /// remembers its value. To be called while the process lives. `group`: the folder of the group
  /// where it is known; empty: by the process's own word.
  void mark(pid_t pid, const std::filesystem::path& group = {});

  /// False: the count cannot be read, so its standing still means nothing.
  bool readable() const { return !counters_.empty(); }

  /// "/sys/fs/cgroup/… oom_kill 0 -> 1", when it moved since `mark`.
  std::optional<std::string> change() const;

 private:
  Roots roots_;

  struct Counter {
    std::filesystem::path file;
    std::uint64_t before = 0;
  };

  /// The process's own first. The next counts it as well, and is there when its group is gone.
  std::vector<Counter> counters_;
};

}  // namespace headroom::worker
