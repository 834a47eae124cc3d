#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"

namespace headroom::memory {

/// What a process holds. Linux: VmRSS + VmSwap, that is private pages, resident pages of files
/// (libraries, mapped weights) and of shared memory, and what was swapped out. A page that two
/// processes share counts with both, so a sum over processes is never too low. macOS:
/// phys_footprint, what Activity Monitor and the system's own limits count.
struct ProcessFootprint {
  Bytes now;
  std::optional<Bytes> peak;  ///< since the start or the last reset (Linux VmHWM: without swap)
  // Where `now` comes from (Linux).
  std::optional<Bytes> anonymous;
  std::optional<Bytes> file;
  std::optional<Bytes> shared;
  std::optional<Bytes> swapped;
};

/// Reads processes' memory from the system. Thread: const members may be called from any thread.
class ProcessMemory {
 public:
  /// `root`: where /proc is looked for. Not used on macOS.
  explicit ProcessMemory(std::filesystem::path root = "/") : root_(std::move(root)) {}

  /// Cheap (one small file). Since Linux 6.2 and before 6.17 the kernel's figure may be off by a
  /// few pages for each core. Empty when the process is gone, a zombie or not ours to read.
  std::optional<ProcessFootprint> footprint(pid_t pid) const;
  /// The same to the page, from a walk over the page tables: milliseconds for a gigabyte. No peak.
  std::optional<ProcessFootprint> exact_footprint(pid_t pid) const;

  /// Of those that still live; empty when none does.
  std::optional<Bytes> sum(std::span<const pid_t> pids) const;

  /// Of now. Empty where the system does not tell.
  std::vector<pid_t> children(pid_t pid) const;
  /// Children, their children and so on, of now. Empty where the system does not tell.
  std::vector<pid_t> descendants(pid_t pid) const;

  /// Starts the process's peak anew from what it holds now. False where the system cannot (macOS,
  /// or another user's process).
  bool reset_peak(pid_t pid) const;

 private:
  std::filesystem::path root_;
};

}  // namespace headroom::memory
