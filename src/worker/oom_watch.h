#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

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
  /// remembers its value. To be called while the process lives.
  void mark(pid_t pid);

  /// False: the count cannot be read, so its standing still means nothing.
  bool readable() const { return before_.has_value(); }

  /// "/sys/fs/cgroup/… oom_kill 0 -> 1", when it moved since `mark`.
  std::optional<std::string> change() const;

 private:
  Roots roots_;
  std::filesystem::path counter_;
  std::optional<std::uint64_t> before_;
};

}  // namespace headroom::worker
