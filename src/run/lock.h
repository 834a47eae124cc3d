#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace headroom::run {

/// The right to write into a run's folder: a lock of the kernel on <folder>/run.lock, which ends
/// with the process however that ends, so that the lock of a killed one is never in the way. The
/// file says who holds it (process id, start time, machine), for messages and for file systems that
/// do not lock: there a holder counts as alive while a process of that id and start time is.
class RunLock {
 public:
  /// Throws UsageError("E-RUN-LOCKED") naming folder, process and machine;
  /// ResourceError("E-WRITE").
  explicit RunLock(const std::filesystem::path& folder);
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;
  ~RunLock();

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

/// Whether a process, of this machine or another, writes into this folder now. Holds a shared lock
/// for a moment, which RunLock waits out.
bool has_live_writer(const std::filesystem::path& folder);

/// When a process began, as the system counts it; 0 when there is none of that id.
std::uint64_t process_start(std::int64_t pid);

}  // namespace headroom::run
