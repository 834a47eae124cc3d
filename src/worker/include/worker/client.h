#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/errors.h"
#include "base/json.h"
#include "base/log.h"
#include "worker/child_process.h"

namespace headroom::worker {

class WorkerPipes;

/// A wish to stop that another thread or a signal handler expresses. It outlives the clients that
/// watch it.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  /// Thread: any, and signal handlers.
  void raise();

  bool raised() const { return raised_.load(); }

  void clear();
  /// Readable while raised, for poll.
  int descriptor() const;

 private:
  class Pipe;
  std::atomic<bool> raised_{false};
  std::unique_ptr<Pipe> pipe_;
};

/// How a worker came to its end, and what is known about why.
struct WorkerEnd {
  enum class Cause {
    kDied,     ///< by itself, or by somebody else's hand
    kHung,     ///< past a deadline and deaf to cancel: killed from here
    kProtocol  ///< broke the contract: killed from here
  };
  Cause cause = Cause::kDied;
  ExitState exit;
  std::string reason;  ///< which deadline, which line; empty when it died
  /// The kernel counted an out-of-memory kill meanwhile: the counter, before and after.
  std::optional<std::string> oom_kill;
  bool oom_readable = false;  ///< there was a counter to look at
  std::string struck;         ///< why WorkerClient::strike killed it; empty: it did not
  std::string last_log;       ///< its last lines on standard error
};

/// Thrown by every call when the worker is no more; the client is of no further use.
class WorkerLost : public BackendError {
 public:
  explicit WorkerLost(WorkerEnd end);

  const WorkerEnd& end() const { return end_; }

 private:
  WorkerEnd end_;
};

/// How long a call may take. Empty: for ever.
struct CallLimits {
  std::optional<Duration> total;
  std::optional<Duration> silence;  ///< since the last notification
  /// Empty: past a limit the worker is killed at once. Else it is told to cancel first and has this
  /// long to answer.
  std::optional<Duration> cancel_grace;
  /// Watched meanwhile, when given: with a `cancel_grace` it has the same effect as a limit,
  /// without one the worker is killed and Cancelled thrown.
  Interrupt* interrupt = nullptr;
};

/// Our end of the contract: one worker, its pipes, its requests one at a time.
/// Thread: one.
class WorkerClient {
 public:
  /// False: tell the call in progress to stop. InputError: that was not of the contract.
  using Notified = std::function<bool(const std::string& method, const Json& params)>;

  /// Starts the worker; says nothing yet. Throws BackendError("E-WORKER-START").
  WorkerClient(const WorkerCommand& command, Clock& clock, Log& log);
  /// Kills it if it still runs.
  ~WorkerClient();
  WorkerClient(const WorkerClient&) = delete;
  WorkerClient& operator=(const WorkerClient&) = delete;

  pid_t pid() const;

  /// Sends a request and waits for its response; notifications that come meanwhile go to
  /// `notified`. Throws what the worker reports as the class of its kind, and WorkerLost.
  Json call(std::string_view method,
            Json params,
            const CallLimits& limits,
            const Notified& notified = {});

  /// The last call was told to cancel because a limit, not the interrupt, had passed.
  bool last_call_timed_out() const { return timed_out_; }

  /// Kills a worker whose result was not of the contract. Throws WorkerLost.
  [[noreturn]] void break_off(const std::string& reason);

  /// Sends a notification, as far as the pipe takes it now; the rest goes with the next call.
  /// Dropped when too much waits already. Never throws for the worker's sake.
  void notify(std::string_view method, Json params);

  /// It still runs, as far as can be seen.
  bool alive();
  /// How it ended; for a worker that is not alive.
  WorkerEnd end();

  /// Closes its input and waits; kills it after `grace`. Nullopt: it had to be killed.
  std::optional<ExitState> finish(Duration grace);

  /// Kills it for `reason`; the call in progress, or the next, throws WorkerLost with it.
  /// Thread: any.
  void strike(std::string reason);

 private:
  class Call;
  std::unique_ptr<WorkerPipes> pipes_;
  std::int64_t last_id_ = 0;
  bool timed_out_ = false;
};

}  // namespace headroom::worker
