#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "backends/backend.h"
#include "base/log.h"
#include "memory/process_footprint.h"
#include "worker/child_process.h"
#include "worker/wall.h"

namespace headroom::backends {

/// Keeps a backend's processes inside its outer wall: starts them there, moves the wall, watches
/// where the kernel does not, and knows afterwards whether one came to it. Thread: one, except
/// `look`.
class WallGuard {
 public:
  WallGuard(worker::Wall wall, Log& log) : wall_(std::move(wall)), log_(log) {}

  std::string text() const { return wall_.text; }

  /// A process that is watched.
  struct Held {
    pid_t pid = -1;
    std::function<void(std::string why)> strike;  ///< kills it; any thread
  };

  /// Starts a process from the command that it gets, inside the wall. One that the kernel does not
  /// let in is watched instead, and so are those after it.
  void start(const worker::WorkerCommand& command,
             const std::function<Held(const worker::WorkerCommand&)>& launch);
  /// Before what `start` made is destroyed.
  void release();

  void set_limit(Bytes limit);
  /// Kills the worker when it is beyond a watched limit. Thread: any.
  void look(const memory::Reading& now);

  /// Where this worker came to the wall, empty when it did not.
  std::optional<Death::AtWall> at_wall();

 private:
  void watch_instead(const std::string& why);

  worker::Wall wall_;
  Log& log_;
  memory::ProcessMemory processes_;
  std::uint64_t kills_before_ = 0;  ///< at the kernel's wall, before this worker
  std::mutex mutex_;                ///< of all below
  std::optional<Held> held_;
  std::optional<Bytes> limit_;
  bool watching_ = false;
  std::optional<Bytes> struck_at_;  ///< what it had when the watch killed it
};

}  // namespace headroom::backends
