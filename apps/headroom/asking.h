#pragma once

#include <exception>
#include <memory>
#include <mutex>
#include <optional>

#include "backends/worker_backend.h"
#include "commands.h"
#include "fitting.h"
#include "run/journal.h"
#include "run/results.h"
#include "run/workload.h"
#include "worker/engine.h"

namespace headroom::cli {

/// llama.cpp's server as our child, within the wall that --wall names. Nothing runs yet. Throws
/// UsageError when it is not on this machine, with the command that gets it.
std::unique_ptr<backends::Backend> make_llama(Context& context);

/// What a model is asked with: its server, or the worker of its engine. Nothing runs yet. Throws as
/// the next one.
std::unique_ptr<backends::Backend> make_backend(Context& context, const run::ModelSpec& model);

/// The worker of an engine ("mlx", "torch"), within the wall that --wall names; nothing runs yet.
/// `trusted`: it may run the code that a model's folder brings. Throws UsageError when the engine
/// is not on this machine, with the command that gets it.
std::unique_ptr<backends::WorkerBackend> make_backend(Context& context,
                                                      const std::string& engine,
                                                      bool trusted = false);

/// The same within this wall.
std::unique_ptr<backends::WorkerBackend> make_backend(Context& context,
                                                      const std::string& engine,
                                                      bool trusted,
                                                      worker::Wall wall);

/// One worker or server at a time, kept from model to model while they have one engine.
class EngineSlot {
 public:
  /// That of the model: the one that is there, or a new one in its place.
  backends::Backend& of(Context& context, const run::ModelSpec& model);

  /// It ends, with all that it holds.
  void reset() { backend_.reset(); }

 private:
  std::unique_ptr<backends::Backend> backend_;
  std::string engine_;
  std::string address_;
  bool trusted_ = false;
};

/// What a signal stops: the token that the runner looks at, and the asking in progress.
/// Thread: any.
class Interrupt {
 public:
  worker::CancelToken token;

  /// Null: none is in reach.
  void set_backend(backends::Backend* backend);
  void stop();

 private:
  std::mutex mutex_;
  backends::Backend* backend_ = nullptr;
};

/// Asks one model what the journal has open, under a governor and within the backend's wall, and
/// unloads it. `force`: although another engine gave the earlier answers. Throws what run::Runner
/// throws, and BudgetError when it does not fit.
void ask_one(Context& context,
             run::Journal& journal,
             const run::Specification& spec,
             std::uint32_t number,
             const run::WorkloadFacts& facts,
             backends::Backend& backend,
             Interrupt& interrupt,
             bool force = false);

/// What a command knows before it asks.
struct Asking {
  run::WorkloadFacts facts;
  /// Holds what was started for planning: it asks the first model, where that has its engine.
  EngineSlot worker;
  std::optional<double> fail_under;
  bool force = false;  ///< go on although another engine gave the answers there are
};

/// Whether an error is about one model alone, so that a run of several goes on with the others:
/// not a full disk, a bug, a stop, or answers that another engine gave.
bool concerns_one_model(const Error& error);

/// Why models could not be asked, of which none can.
class Refusals {
 public:
  /// The error that is being caught.
  void add_current(const Error& error);

  bool all_for_budget() const { return budget_ && !other_; }

  /// Throws the first BudgetError, else the first error; returns when there is none: a run that may
  /// fit another time exits with 5.
  void rethrow() const;

 private:
  std::exception_ptr told_;
  bool budget_ = false;
  bool other_ = false;
};

/// Asks every model of the journal what it has open, one model after another, each in a worker of
/// its own that has ended before the next begins; then writes the exports and prints the results.
/// One of several models that cannot be fitted, loaded or asked to its end is told and kept with
/// the reason (ModelSpec::not_run); those that have one already are left out. A first signal stops
/// after the write in progress, and says how to go on.
/// Throws what run::Runner throws, for several models when none could be asked (Refusals); the way
/// to go on has been told then, too, unless the model was refused before anything was asked.
/// Returns kDoesNotFit when none of several was asked now for want of memory, though there are
/// answers.
ExitCode ask_all(Context& context,
                 run::Journal& journal,
                 const run::Specification& spec,
                 Asking asking);

/// By all of the run's models.
std::uint64_t answers_of_all(const run::JournalReader& journal);

}  // namespace headroom::cli
