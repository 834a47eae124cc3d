#pragma once

#include <chrono>
#include <cstddef>
#include <memory>

#include "backends/backend.h"
#include "base/clock.h"
#include "base/log.h"
#include "worker/child_process.h"
#include "worker/wall.h"

namespace headroom::backends {

using worker::WorkerCommand;

/// When a worker is given up, and how long each answer may take. Times are by the injected clock.
struct WorkerOptions {
  int start_attempts = 4;          ///< deaths in a row while starting and loading
  int deaths_per_item = 3;         ///< after which an item is given up
  int deaths_without_answer = 24;  ///< in a row, over all items, after which the worker is given up
  Duration restart_pause = std::chrono::milliseconds(50);  ///< doubles with each failed start
  Duration hello_timeout = std::chrono::seconds(60);
  Duration plan_timeout = std::chrono::seconds(120);
  Duration load_timeout = std::chrono::minutes(30);
  Duration verify_timeout = std::chrono::minutes(30);
  Duration request_timeout = std::chrono::seconds(120);  ///< clean, reading, unload
  /// Longest silence while asking: no answer, reading or event.
  Duration silence_timeout = std::chrono::minutes(10);
  /// What a group may take beyond its own deadline before it is cancelled from here.
  Duration deadline_slack = std::chrono::seconds(5);
  /// From a cancel, however caused, to the kill.
  Duration cancel_grace = std::chrono::seconds(10);
  /// From closing its input to the kill, at the end.
  Duration end_grace = std::chrono::seconds(5);
};

/// A backend whose engine is a supervised child process that speaks the worker contract. The child
/// is started by the first call that needs it and again after a death; what was loaded is loaded
/// again. It runs in a process group of its own (a terminal's Ctrl-C reaches only the supervisor)
/// and ends with the supervisor, however that ends.
/// Errors: BackendError "E-WORKER-START" (cannot be started, or died start_attempts times while
///         starting or loading), "E-WORKER-VERSION" (another contract), "E-WORKER-GAVE-UP" (died
///         deaths_without_answer times in a row); what the worker itself reports, as its kind.
/// Thread: one thread, the one that constructed it (on Linux the child dies with that thread),
///         except `cancel`, which may also be called from a signal handler, and `look`.
class WorkerBackend final : public Backend {
 public:
  using Options = WorkerOptions;

  /// Starts nothing yet. Each worker runs within `wall`, without a limit until `set_wall`.
  WorkerBackend(
      WorkerCommand command, WorkerOptions options, Clock& clock, Log& log, worker::Wall wall = {});
  /// Ends the child: closes its input, then kills it after `end_grace`.
  ~WorkerBackend() override;
  WorkerBackend(const WorkerBackend&) = delete;
  WorkerBackend& operator=(const WorkerBackend&) = delete;

  const worker::Hello& hello() override;
  memory::Geometry plan(const worker::PlanRequest& request) override;
  worker::Loaded load(const worker::LoadRequest& request) override;
  void prepare(const worker::AskRequest& request) override;

  /// After `cancel`: throws Cancelled once the worker stopped; the answers that it had given are
  /// with the sink, the other items have none. An error that the worker reports for the group as a
  /// whole becomes each unanswered item's (outcome `memory` for the kind "budget", `image` for a
  /// code of pictures, as when those embedded do not fit into a message, else `model`). A
  /// group past its deadline that stops on cancel gives `timeout`. If the sink throws, the group is
  /// stopped and the exception passed on.
  worker::AskDone ask(const worker::AskRequest& request,
                      const std::function<void(worker::Answer&&)>& sink) override;
  worker::Cleaned clean(worker::CleanLevel level) override;
  memory::Reading reading() override;
  worker::Unloaded unload() override;
  worker::Verified verify(const worker::VerifyRequest& request) override;

  /// Stops the ask in progress. A hello, plan, load or verify in progress ends with its worker and
  /// throws Cancelled; with nothing in progress, the next of these or the next ask does at once.
  void cancel() override;

  int restarts() const override;

  std::string wall() const override;
  void set_wall(Bytes limit) override;
  void look(const memory::Reading& now) override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace headroom::backends
