#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "backends/backend.h"
#include "base/log.h"
#include "memory/process_footprint.h"
#include "worker/client.h"
#include "worker/wall.h"

namespace headroom::backends {

/// Keeps a backend's workers inside its outer wall: starts them there, moves the wall, watches
/// where the kernel does not, and knows afterwards whether a worker came to it. Thread: one, except
/// `look`.
class WallGuard {
 public:
  WallGuard(worker::Wall wall, Log& log) : wall_(std::move(wall)), log_(log) {}

  std::string text() const { return wall_.text; }

  /// A worker that the kernel does not let in is watched instead, and so are those after it.
  std::unique_ptr<worker::WorkerClient> start(const worker::WorkerCommand& command, Clock& clock);
  /// Before the client of `start` is destroyed.
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
  worker::WorkerClient* client_ = nullptr;
  std::optional<Bytes> limit_;
  bool watching_ = false;
  std::optional<Bytes> struck_at_;  ///< what it held when the watch killed it
};

}  // namespace headroom::backends
