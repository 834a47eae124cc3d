#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "base/clock.h"
#include "base/log.h"
#include "memory/reading.h"
#include "run/journal.h"
#include "scoring/tally.h"
#include "worker/engine.h"

namespace headroom::memory {
class Governor;
}  // namespace headroom::memory

namespace headroom::run {

/// Where a run stands, for a progress line. Cheap to copy; the accuracy is worked out when asked.
struct Progress {
  std::string model;
  std::uint64_t items = 0;     ///< of the run
  std::uint64_t done = 0;      ///< ended, earlier stretches of the run included
  std::uint64_t answered = 0;  ///< of those
  std::uint64_t failed = 0;    ///< of those
  std::uint64_t done_now = 0;  ///< ended in this stretch
  double seconds_now = 0;      ///< spent asking in this stretch
  std::uint64_t cleanups = 0;  ///< in this stretch
  std::uint64_t restarts = 0;  ///< in this stretch
  std::optional<Bytes> budget;
  std::optional<Bytes> used;              ///< by the counter that the budget is held against
  std::optional<Bytes> peak;              ///< of this stretch
  std::string counter;                    ///< its name: "footprint", "device", "cgroup"
  const scoring::Tally* tally = nullptr;  ///< valid during the call
};

/// Told what happens while it happens. Every member has an empty default; called on the runner's
/// thread, must not throw.
class Observer {
 public:
  virtual ~Observer() = default;

  virtual void on_loaded(const ModelRecord& /*model*/) {}

  /// After each answer; `durable` says whether it has been committed already.
  virtual void on_answer(const AnswerRecord& /*answer*/, const Progress& /*progress*/) {}

  /// After each commit.
  virtual void on_progress(const Progress& /*progress*/) {}

  virtual void on_memory_event(const MemoryEvent& /*event*/) {}

  virtual void on_death(const DeathRecord& /*death*/) {}
};

/// What the runner needs to ask one model.
struct ModelPlan {
  std::uint32_t model = 0;  ///< index into Specification::models
  worker::LoadRequest load;
  std::optional<Bytes> budget;
  std::optional<Bytes> planned_peak;
  Json plan;  ///< as it is to be stored
};

/// How one stretch of asking one model ended.
struct ModelEnd {
  std::uint64_t asked = 0;     ///< in this stretch
  std::uint64_t answered = 0;  ///< in this stretch
  std::uint64_t failed = 0;    ///< in this stretch
  std::uint64_t pending = 0;   ///< still open
};

/// Asks a model everything that its journal has open, group by group:
///   before: the governor's limits and clean-ups -> ask, the next group's pictures prepared
///   meanwhile -> one commit of its answers, readings and events -> after: clean-ups, verified by
///   what readings say they freed, recorded.
/// Answers are durable before the next group is asked. Items with a defect end as they are, without
/// being asked.
class Runner {
 public:
  /// References must outlive the runner. `supervisor` reads this process and the machine.
  Runner(Journal& journal,
         memory::MemorySource& supervisor,
         const worker::CancelToken& cancel,
         Clock& clock,
         Log& log,
         Observer& observer);

  /// Loads the model, asks, unloads it and records what came back.
  /// Throws Cancelled when the token was set (everything that had arrived is durable and the
  /// journal says "interrupted"); ResourceError when the journal cannot be written (what was
  /// committed stays); BudgetError or UsageError when loading is refused; BackendError when the
  /// backend gave up. After each of them the run can be resumed.
  ModelEnd run(const ModelPlan& plan, backends::Backend& backend, memory::Governor& governor);

 private:
  Journal& journal_;
  memory::MemorySource& supervisor_;
  const worker::CancelToken& cancel_;
  Clock& clock_;
  Log& log_;
  Observer& observer_;
};

}  // namespace headroom::run
