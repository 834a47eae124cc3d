#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"

namespace headroom::worker {

/// How a worker is started.
struct WorkerCommand {
  std::string program;                                   ///< a path, or a name looked up in PATH
  std::vector<std::string> args;                         ///< after the program's own name
  std::vector<std::pair<std::string, std::string>> env;  ///< added to the inherited environment
  /// Control group that the process enters before the program runs; empty: it stays in ours.
  std::filesystem::path group = {};
  /// Which variables of our environment it inherits, by their names; empty: all.
  std::function<bool(std::string_view)> inherits = {};
};

/// How a process ended.
struct ExitState {
  std::optional<int> status;      ///< returned or passed to exit
  std::optional<int> signal;      ///< that killed it
  std::optional<Bytes> peak_rss;  ///< largest resident size in its life
};

/// "exit status 3", "signal 9 (SIGKILL)".
std::string to_string(const ExitState& state);
/// "SIGKILL", "signal 34".
std::string signal_name(int signal);

/// A child process with pipes at its standard input, output and error. Its descriptors are
/// close-on-exec here and non-blocking on our side. It leads a process group of its own, with
/// default signal handling, and on Linux the kernel kills it when the thread that started it ends.
/// Thread: one, the one that constructed it, except `strike`.
class ChildProcess {
 public:
  /// Throws BackendError("E-WORKER-START") with the system's words when it cannot be started, and
  /// "E-WORKER-GROUP" when it cannot enter its control group.
  explicit ChildProcess(const WorkerCommand& command);
  /// Kills it, with its process group, if it still runs.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }

  int input() const { return input_; }

  int output() const { return output_; }

  int error() const { return error_; }

  /// Its standard input ends. Idempotent.
  void close_input();
  /// How it ended, if it has.
  std::optional<ExitState> poll_exit();
  /// The same, waiting until `limit` has passed.
  std::optional<ExitState> wait_exit(Duration limit, Clock& clock);
  /// SIGKILL to its process group, then waits for it.
  ExitState kill();
  /// A signal (SIGKILL) to its process group, without waiting. False: it has ended. Thread: any.
  bool strike();
  bool strike(int signal);

 private:
  std::mutex reaping_;  ///< its number is its own while nobody has waited for it
  pid_t pid_ = -1;
  int input_ = -1;
  int output_ = -1;
  int error_ = -1;
  std::optional<ExitState> exit_;
};

}  // namespace headroom::worker
