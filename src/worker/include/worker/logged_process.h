#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "worker/child_process.h"
#include "worker/client.h"

namespace headroom::worker {

/// A child process that does not speak the contract: what it prints is read in a thread of its own,
/// so that it never waits for a reader, and its last words are kept. How it ended is told as of a
/// worker. It leads a process group of its own and on Linux the kernel kills it when
/// the thread that started it ends.
/// Thread: one, the one that constructed it, except `strike`.
class LoggedProcess {
 public:
  /// Each line goes to the log as `part`'s, for debugging. Throws BackendError("E-WORKER-START")
  /// and "E-WORKER-GROUP" as ChildProcess does.
  LoggedProcess(const WorkerCommand& command, std::string part, Clock& clock, Log& log);
  /// Kills it, with its process group, if it still runs.
  ~LoggedProcess();
  LoggedProcess(const LoggedProcess&) = delete;
  LoggedProcess& operator=(const LoggedProcess&) = delete;

  pid_t pid() const;
  bool alive();
  /// Its last lines.
  std::string last_log() const;
  /// All that it printed on standard output and error until it ended, at most `most` bytes; killed
  /// when it has not ended in `limit`. For programs that say something and end.
  std::string wait_output(Duration limit, std::size_t most);
  /// What is known about its end. It is killed when it has not ended in `grace`.
  WorkerEnd end(Duration grace);
  /// Closes its input and asks it to end (SIGTERM); kills it after `grace`.
  ExitState finish(Duration grace);
  /// Kills it for `reason`, which `end` tells. Thread: any.
  void strike(std::string reason);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace headroom::worker
