#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "base/clock.h"
#include "base/log.h"
#include "memory/governor.h"
#include "memory/sampler.h"
#include "run/journal.h"
#include "scoring/tally.h"
#include "worker/engine.h"

namespace headroom::run {

/// Where a run stands, for a progress line. Cheap to copy; the accuracy is worked out when asked.
struct Progress {
  std::string model;
  std::uint64_t items = 0;                ///< of the run
  std::uint64_t done = 0;                 ///< ended, earlier stretches of the run included
  std::uint64_t answered = 0;             ///< of those
  std::uint64_t failed = 0;               ///< of those
  std::uint64_t done_now = 0;             ///< asked and ended in this stretch
  double seconds_now = 0;                 ///< spent asking in this stretch
  std::uint64_t cleanups = 0;             ///< in this stretch
  std::uint64_t restarts = 0;             ///< in this stretch
  std::optional<Bytes> budget;            ///< its limit
  std::optional<Bytes> used;              ///< by the counter that the budget is held against
  std::optional<Bytes> peak;              ///< of this stretch
  std::string counter;                    ///< its name: "footprint", "device"
  std::string measure = "accuracy";       ///< what the tally's mean is called
  const scoring::Tally* tally = nullptr;  ///< valid during the call
};

/// Told what happens while it happens. Every member has an empty default; called on the runner's
/// thread, must not throw.
class Observer {
 public:
  virtual ~Observer() = default;

  virtual void on_loaded(const ModelRecord& /*model*/) {}

  /// After each answer, as it arrives; it becomes durable with its group.
  virtual void on_answer(const ItemRecord& /*item*/,
                         const AnswerRecord& /*answer*/,
                         const Progress& /*progress*/) {}

  /// After each commit.
  virtual void on_progress(const Progress& /*progress*/) {}

  virtual void on_memory_event(const memory::MemoryEvent& /*event*/) {}

  virtual void on_death(const DeathRecord& /*death*/) {}
};

/// What the runner needs to ask one model.
struct ModelPlan {
  std::uint32_t model = 0;  ///< index into Specification::models
  worker::LoadRequest load;
  Json plan;           ///< as printed and compared; stored
  bool force = false;  ///< go on although another engine gave the answers there are
};

/// How one stretch of asking one model ended.
struct ModelEnd {
  std::uint64_t asked = 0;     ///< in this stretch
  std::uint64_t answered = 0;  ///< in this stretch
  std::uint64_t failed = 0;    ///< in this stretch
  std::uint64_t pending = 0;   ///< still open
};

/// Asks a model everything that its journal has open, group by group:
///   the governor's limits and clean-ups -> ask, the next group's pictures prepared meanwhile ->
///   the governor's look at what it took -> one commit of answers, events and deaths -> clean-ups,
///   verified by what readings say they freed.
/// Answers are durable before the next group is asked; those that had arrived when an engine died
/// are durable before it is started again. Items with a defect end as they are, without being
/// asked.
class Runner {
 public:
  /// References must outlive the runner.
  Runner(Journal& journal,
         memory::Sampler& sampler,
         const worker::CancelToken& cancel,
         Clock& clock,
         Log& log,
         Observer& observer);
  ~Runner();
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  /// For the governor's constructor: its events reach the journal with the commit they belong to,
  /// and the observer at once. Valid while the runner lives.
  memory::Governor::Sink event_sink();

  /// Loads the model, asks, unloads it and records what came back. Takes the backend's on_death.
  /// Throws Cancelled when the token was set (everything that had arrived is durable and the
  /// journal says "interrupted"); ResourceError when the journal cannot be written (what was
  /// committed stays); BudgetError or UsageError when loading is refused, or when another
  /// engine than this one gave the answers there are ("E-ENGINE-CHANGED"); BackendError when the
  /// backend gave up. After each of them the run can be resumed.
  ModelEnd run(const ModelPlan& plan, backends::Backend& backend, memory::Governor& governor);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace headroom::run
