#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "line_buffer.h"
#include "log_tail.h"
#include "oom_watch.h"
#include "worker/child_process.h"
#include "worker/client.h"

namespace headroom::worker {

/// A worker's process with what flows in and out of it, none of which ever blocks for longer than
/// it is told to. Thread: one.
class WorkerPipes {
 public:
  WorkerPipes(const WorkerCommand& command, Clock& clock, Log& log);

  pid_t pid() const { return child_.pid(); }

  Clock& clock() { return clock_; }

  /// Remembers the kernel's count of kills.
  void mark_oom() { oom_.mark(child_.pid(), group_); }

  /// Bytes that wait for the pipe to take them.
  std::size_t backlog() const { return outgoing_.size() - sent_; }

  /// Sends as much as the pipe takes now; the rest goes with `pump`.
  void send(const std::string& line);
  /// Moves what can be moved, or waits for something to move: until `until`, the interrupt, or a
  /// fifth of a second.
  void pump(TimePoint until, const Interrupt* interrupt);

  std::optional<LineBuffer::Line> next_line() { return lines_.next(); }

  /// Nothing more can come: what came before is all in `next_line`.
  bool exhausted();
  bool alive();
  /// Gathers what is known about the end. The worker is dead afterwards, killed if need be.
  WorkerEnd end(WorkerEnd::Cause cause, std::string reason);
  std::optional<ExitState> finish(Duration grace);
  /// Kills it for `reason`, which `end` tells. Thread: any.
  void strike(std::string reason);

 private:
  void flush();
  /// Reads once; false when nothing was there.
  bool read_output();
  bool read_error();

  Clock& clock_;
  Log& log_;
  std::filesystem::path group_;
  ChildProcess child_;
  std::mutex striking_;
  std::string struck_;  ///< why it was killed from another thread
  OomWatch oom_;
  LineBuffer lines_;
  LogTail tail_;
  std::string outgoing_;
  std::size_t sent_ = 0;  ///< of `outgoing_`
  bool output_ended_ = false;
  bool error_ended_ = false;
};

}  // namespace headroom::worker
