#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "memory/geometry.h"
#include "memory/reading.h"
#include "worker/messages.h"

namespace headroom::backends {

/// What a death of the engine's process looked like, when there was one.
struct Death {
  enum class Kind {
    kOutOfMemory,
    kSignal,
    kExit,
    kHang,     ///< past a deadline and deaf to cancel: killed by us
    kProtocol  ///< wrote what the contract does not know: killed by us
  };
  Kind kind = Kind::kExit;
  int detail = 0;        ///< signal number or exit status
  std::string evidence;  ///< "kernel OOM kill (memory.oom_control oom_kill 0 -> 1), footprint 1.9
                         ///< GiB", last log lines

  /// The outer wall, when that is where the engine ended.
  struct AtWall {
    Bytes limit;
    std::optional<Bytes> held;  ///< the most, where it is told
    bool by_kernel = false;     ///< else by the supervisor's watch
  };

  std::optional<AtWall> wall;
};

/// How a group goes on after a death.
struct AfterDeath {
  worker::AskLimits limits;  ///< without its deadline, which stays the group's
  std::string rung;  ///< all that is reduced by now, for the answers' record; empty: nothing
  std::string refused = {};  ///< why what is left is not asked again: outcome `memory`
};

/// What a run needs at most of an engine that takes its memory when it loads.
struct Sizing {
  Bytes memory;  ///< that its processes may hold together
  /// Of the prompts without their pictures, estimated; ascending, each figure once.
  std::vector<std::uint32_t> text_tokens;
  std::uint32_t max_tokens = 0;  ///< of the longest answer
  /// Pictures of a question, by index into the plan's; empty: none has any.
  std::vector<std::vector<std::size_t>> picture_sets;
};

/// "out of memory", "signal", "exit", "hang", "protocol".
std::string_view to_string(Death::Kind kind);

/// An engine that answers groups: a supervised worker, or a server. The runner knows
/// nothing below this. Errors: UsageError (checkpoint), BudgetError, BackendError (gave up after
/// restarts), Cancelled. Thread: one thread, except `cancel`.
class Backend {
 public:
  virtual ~Backend() = default;

  virtual const worker::Hello& hello() = 0;
  virtual memory::Geometry plan(const worker::PlanRequest& request) = 0;

  /// Chooses how much an engine takes that takes its memory when it loads: `plan` and `load` go by
  /// it from now on. Where nothing fits, the least that answers.
  virtual void size_for(const worker::PlanRequest& /*request*/, const Sizing& /*sizing*/) {}

  virtual worker::Loaded load(const worker::LoadRequest& request) = 0;

  /// Decode the next group's pictures meanwhile. Never fails.
  virtual void prepare(const worker::AskRequest& request) = 0;

  /// How many groups behind the one that is asked may be handed to `ask_ahead`; 0: none.
  virtual std::size_t groups_ahead() const { return 0; }

  /// Begins to ask a group whose turn is yet to come; its answers are given when it is asked. Never
  /// fails. False: not now, for want of room.
  virtual bool ask_ahead(const worker::AskRequest& /*request*/) { return false; }

  /// Gives the sink exactly one answer for each item, also when the engine dies in between: it is
  /// started and loaded again, the group goes on with the unanswered items, and an item whose
  /// asking killed three engines gets outcome `memory` or `model` with the evidence. Answers arrive
  /// as they are made.
  virtual worker::AskDone ask(const worker::AskRequest& request,
                              const std::function<void(worker::Answer&&)>& sink) = 0;

  virtual worker::Cleaned clean(worker::CleanLevel level) = 0;
  virtual memory::Reading reading() = 0;
  virtual worker::Unloaded unload() = 0;
  virtual worker::Verified verify(const worker::VerifyRequest& request) = 0;

  /// Stops the asking in progress; callable from a signal-watching thread.
  virtual void cancel() = 0;

  /// Deaths of the engine so far in this backend's life.
  virtual int restarts() const = 0;
  /// Called at each death, before the restart.
  std::function<void(const Death&)> on_death;
  /// Called with what the engine holds while it is busy, in the thread that asks: ten to twenty
  /// times a second in long work.
  std::function<void(const worker::BusyReading&)> on_reading;
  /// Called after `on_death` when a group is to go on, with the limits that it was asked with; its
  /// questions are asked one by one then, whatever the batch. Empty: with the same limits.
  std::function<AfterDeath(const Death&, const worker::AskLimits&)> limits_after_death;

  /// What holds the engine's processes from outside, and why nothing better; empty: nothing does.
  virtual std::string wall() const { return {}; }

  /// The most that they may hold together from now on, by footprint.
  virtual void set_wall(Bytes /*limit*/) {}

  /// A look at memory: where the wall is a watch, it kills what is beyond. Thread: any.
  virtual void look(const memory::Reading& /*now*/) {}
};

}  // namespace headroom::backends
