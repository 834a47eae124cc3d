#include "asking.h"

#include <fmt/format.h>

#include <chrono>
#include <csignal>

#include "backends/llama_backend.h"
#include "backends/server_backend.h"
#include "base/grouped.h"
#include "base/percent.h"
#include "memory/governor.h"
#include "memory/sampler.h"
#include "memory/system_source.h"
#include "places.h"
#include "progress_line.h"
#include "report/exports.h"
#include "report/terminal.h"
#include "run/governing.h"
#include "run/runner.h"
#include "shell_word.h"
#include "signals.h"

namespace headroom::cli {

namespace {

/// Takes the backend out of a signal's reach before it is destroyed.
class InReach {
 public:
  InReach(Interrupt& interrupt, backends::Backend& backend) : interrupt_(interrupt) {
    interrupt_.set_backend(&backend);
  }

  ~InReach() { interrupt_.set_backend(nullptr); }

  InReach(const InReach&) = delete;
  InReach& operator=(const InReach&) = delete;

 private:
  Interrupt& interrupt_;
};

void note(Context& context, const std::string& line) {
  if (context.console.options().verbosity >= 0) {
    context.console.note(line);
  }
}

}  // namespace

void Interrupt::set_backend(backends::Backend* backend) {
  const std::lock_guard lock(mutex_);
  backend_ = backend;
}

void Interrupt::stop() {
  token.cancel();
  const std::lock_guard lock(mutex_);
  if (backend_ != nullptr) {
    backend_->cancel();
  }
}

namespace {

/// Commands that ask nothing have no budget to hold.
worker::Wall outer_wall(const Settings& settings) {
  if (flag("wall", settings.command().bit) == nullptr) {
    return {};
  }
  return worker::make_wall(memory::parse_wall(settings.text("wall")));
}

void say_how_to_go_on(Context& context, const run::Journal& journal) {
  context.console.status("");
  context.console.note(
      fmt::format("stopped; every answer so far is kept. Go on with: headroom resume {}",
                  shell_word(journal.folder().string())));
}

/// The state and the exports of what there is; a full disk must not hide the error that stopped the
/// run. A model may have been refused before its runner could say so.
void export_after_stop(Context& context, run::Journal& journal) {
  try {
    journal.set_state(run::RunState::kInterrupted);
    report::rebuild_exports(journal);
  } catch (const Error& error) {
    context.log.warning("report", error.what());
  }
}

/// Keeps and tells why a model was not asked, or not to its end.
void keep_not_run(Context& context,
                  run::Journal& journal,
                  std::uint32_t number,
                  const Error& error) {
  run::ModelSpec model = journal.run().spec.models.at(number);
  model.not_run = run::NotRun{error.code(), error.what()};
  journal.set_model_spec(number, model);
  context.console.status("");
  const std::uint64_t answers = journal.count_answers(number);
  const std::string what = answers == 0 ? std::string("not run")
                                        : fmt::format("stopped after {} of {}",
                                                      grouped(answers),
                                                      counted(journal.item_count(), "question"));
  context.log.warning("run",
                      fmt::format("{}: {}: {} [{}]", model.name, what, error.what(), error.code()));
}

void say_what_is_below(Context& context, const run::RunResults& results, double percent) {
  for (const run::ModelResults& model : results.models) {
    const std::string& name = model.model.spec.name;
    if (!model.accuracy) {
      note(context,
           fmt::format(
               "{}: below --fail-under {:g} %: the data have nothing that an answer could be "
               "scored by",
               name,
               percent));
    } else if (model.accuracy->mean * 100 < percent) {
      note(context,
           fmt::format("{}: {} of {} is below --fail-under {:g} %",
                       name,
                       headroom::percent(model.accuracy->mean, 2),
                       counted(model.accuracy->count, "question"),
                       percent));
    }
  }
}

/// Finished, unless a model that had begun has stopped: it can go on.
run::RunState state_after(const run::Journal& journal) {
  const std::vector<run::ModelSpec> models = journal.run().spec.models;
  for (std::uint32_t number = 0; number < models.size(); ++number) {
    if (models[number].not_run && journal.count_answers(number) > 0) {
      return run::RunState::kInterrupted;
    }
  }
  return run::RunState::kFinished;
}

/// One model after another. Throws what Refusals::rethrow does when none could be asked, now or
/// before. Returns whether, of those that had something left, one was asked or was refused for
/// another reason than the budget.
bool ask_each(Context& context,
              run::Journal& journal,
              const run::Specification& spec,
              Asking& asking,
              Interrupt& interrupt) {
  Refusals refusals;
  bool asked = false;  // now
  bool earlier = false;
  for (std::uint32_t number = 0; number < spec.models.size(); ++number) {
    if (spec.models[number].not_run || !journal.next_open_group(number, 0)) {
      asked = asked || !spec.models[number].not_run;
      continue;
    }
    try {
      ask_one(context,
              journal,
              spec,
              number,
              asking.facts,
              asking.worker.of(context, spec.models[number]),
              interrupt,
              asking.force);
      asked = true;
    } catch (const Error& error) {
      if (spec.models.size() == 1 || !concerns_one_model(error)) {
        throw;
      }
      refusals.add_current(error);
      keep_not_run(context, journal, number, error);
      earlier = earlier || journal.count_answers(number) > 0;
    }
    asking.worker.reset();  // the worker has ended, with all that it held
  }
  if (!asked && !earlier) {
    refusals.rethrow();
  }
  return asked || !refusals.all_for_budget();
}

}  // namespace

void Refusals::add_current(const Error& error) {
  const bool budget = dynamic_cast<const BudgetError*>(&error) != nullptr;
  if (!told_ || (budget && !budget_)) {
    told_ = std::current_exception();
  }
  budget_ = budget_ || budget;
  other_ = other_ || !budget;
}

void Refusals::rethrow() const {
  if (told_) {
    std::rethrow_exception(told_);
  }
}

bool concerns_one_model(const Error& error) {
  return dynamic_cast<const Cancelled*>(&error) == nullptr &&
         dynamic_cast<const ResourceError*>(&error) == nullptr &&
         dynamic_cast<const InternalError*>(&error) == nullptr &&
         error.code() != "E-ENGINE-CHANGED";
}

void ask_one(Context& context,
             run::Journal& journal,
             const run::Specification& spec,
             std::uint32_t number,
             const run::WorkloadFacts& facts,
             backends::Backend& backend,
             Interrupt& interrupt,
             bool force) {
  memory::SystemMemorySource source(context.clock);
  memory::Sampler sampler(source);
  ProgressLine progress(context.console, context.clock, spec.metric);
  const Fitting fitting = fit(spec, spec.models[number], facts, backend, source);
  if (!fitting.budget.warning.empty()) {
    context.log.warning("memory", fitting.budget.warning);
  }
  note(context, fitting.admission.text);
  if (spec.governor) {
    memory::require_fit(fitting.admission);
  }
  if (const std::string longer = longer_text(fitting); !longer.empty()) {
    context.log.warning("run", longer);
  }
  if (const std::string refused = refused_text(fitting); spec.governor && !refused.empty()) {
    context.log.warning("memory", refused);
  }

  if (fitting.budget.counter == memory::Counter::kFootprint && !backend.wall().empty()) {
    context.log.info("memory", "outer wall: " + backend.wall());
  }
  const InReach reach(interrupt, backend);
  sampler.listen([&backend](const memory::Reading& now) { backend.look(now); });
  sampler.start();
  run::Runner runner(journal, sampler, interrupt.token, context.clock, context.log, progress);
  memory::Governor governor(
      fitting.budget,
      fitting.plan,
      run::governor_settings(spec),
      run::cleanup_policy(
          spec, memory::kind_of_engine(spec.models[number].engine), fitting.budget.counter),
      sampler,
      context.clock,
      runner.event_sink());
  const run::ModelPlan plan{number,
                            {spec.models[number].folder, spec.models[number].dtype, {}, {}, {}},
                            to_json(fitting),
                            force};
  runner.run(plan, backend, governor);
}

std::uint64_t answers_of_all(const run::JournalReader& journal) {
  const std::size_t models = journal.run().spec.models.size();
  std::uint64_t answers = 0;
  for (std::uint32_t number = 0; number < models; ++number) {
    answers += journal.count_answers(number);
  }
  return answers;
}

namespace {

/// Gigabytes of libraries are read before the first word, the first time from a cold disk.
constexpr Duration kTorchImport = std::chrono::minutes(5);

backends::WorkerCommand worker_command(Context& context, const std::string& engine, bool trusted) {
  if (engine != "torch") {
    return {mlx_worker(context.settings).string(), {}, {}};
  }
  const TorchPlaces torch = ready_torch(context.settings, context.environment);
  // -I: neither PYTHON… variables nor the user's own packages get between.
  backends::WorkerCommand command{torch.python.string(), {"-I", torch.worker.string()}, {}};
  if (trusted) {
    command.args.emplace_back("--trust-remote-code");
  }
  return command;
}

std::uint32_t limited(const Settings& settings, std::string_view name, std::uint32_t most) {
  const std::int64_t given = settings.integer(name);
  if (given > most) {
    throw UsageError("E-USAGE-VALUE",
                     fmt::format("{}: {} is above {}", settings.origin(name), given, most));
  }
  return static_cast<std::uint32_t>(given);
}

/// What --concurrency and --retries say, where the command has them.
backends::ServerOptions server_options(Context& context) {
  backends::ServerOptions options;
  if (flag("concurrency", context.settings.command().bit) != nullptr) {
    constexpr std::uint32_t kMostAtOnce = 1024;
    constexpr std::uint32_t kMostRetries = 100;
    options.concurrency = limited(context.settings, "concurrency", kMostAtOnce);
    options.attempts = static_cast<int>(limited(context.settings, "retries", kMostRetries)) + 1;
  }
  return options;
}

std::unique_ptr<backends::Backend> make_server(Context& context, const std::string& address) {
  backends::ServerOptions options = server_options(context);
  options.api_key = context.environment("HEADROOM_API_KEY").value_or("");
  options.ca_file = context.environment("SSL_CERT_FILE").value_or("");
  return std::make_unique<backends::ServerBackend>(
      backends::parse_server_address(address), std::move(options), context.clock, context.log);
}

}  // namespace

backends::Backend& EngineSlot::of(Context& context, const run::ModelSpec& model) {
  if (!backend_ || engine_ != model.engine || trusted_ != model.trust_remote_code ||
      (model.engine == "server" && address_ != model.folder)) {
    backend_.reset();
    backend_ = make_backend(context, model);
    address_ = model.folder;
    engine_ = model.engine;
    trusted_ = model.trust_remote_code;
  }
  return *backend_;
}

std::unique_ptr<backends::Backend> make_llama(Context& context) {
  backends::LlamaOptions options;
  options.server = server_options(context);
  options.slots = options.server.concurrency;
  options.device_chosen = !context.environment("LLAMA_ARG_DEVICE").value_or("").empty();
  if (options.device_chosen) {
    context.log.warning("llama-server",
                        "LLAMA_ARG_DEVICE is set: what the server holds on a GPU is not counted in "
                        "the budget");
  }
  return std::make_unique<backends::LlamaBackend>(
      ready_llama(context.settings, context.environment).command,
      std::move(options),
      context.clock,
      context.log,
      outer_wall(context.settings));
}

std::unique_ptr<backends::Backend> make_backend(Context& context, const run::ModelSpec& model) {
  if (model.engine == "server") {
    return make_server(context, model.folder);
  }
  if (model.engine == "gguf") {
    return make_llama(context);
  }
  return make_backend(context, model.engine, model.trust_remote_code);
}

std::unique_ptr<backends::WorkerBackend> make_backend(Context& context,
                                                      const std::string& engine,
                                                      bool trusted) {
  return make_backend(context, engine, trusted, outer_wall(context.settings));
}

std::unique_ptr<backends::WorkerBackend> make_backend(Context& context,
                                                      const std::string& engine,
                                                      bool trusted,
                                                      worker::Wall wall) {
  backends::WorkerOptions options;
  if (engine == "torch") {
    options.hello_timeout = kTorchImport;
  }
  return std::make_unique<backends::WorkerBackend>(worker_command(context, engine, trusted),
                                                   options,
                                                   context.clock,
                                                   context.log,
                                                   std::move(wall));
}

namespace {

void print_results(Context& context,
                   const std::filesystem::path& folder,
                   const run::RunResults& results) {
  if (context.settings.on("json")) {
    context.console.out(dump_json(report::summary_json(results)) + "\n");
  } else {
    context.console.out(report::results_text(results, style_out(context.console)));
  }
  std::string failed;
  for (const run::ModelResults& model : results.models) {
    std::string text = report::unanswered_text(model, style_err(context.console));
    if (text.empty() || !model.begun()) {
      continue;  // of a model that was not run the results say why
    }
    text.pop_back();
    note(context, text);
    if (failed.empty() && !model.reasons.empty()) {
      failed = model.reasons.front().ids.front();
    }
  }
  if (!failed.empty()) {
    note(context,
         fmt::format("`headroom show {} {}{}` says why",
                     shell_word(folder.string()),
                     failed.starts_with('-') ? "-- " : "",
                     shell_word(failed)));
  }
}

}  // namespace

ExitCode ask_all(Context& context,
                 run::Journal& journal,
                 const run::Specification& spec,
                 Asking asking) {
  const std::uint64_t answers_before = answers_of_all(journal);
  Interrupt interrupt;
  const SignalWatch watch([&](int) { interrupt.stop(); });
  bool fits = true;
  try {
    fits = ask_each(context, journal, spec, asking, interrupt);
    journal.set_state(state_after(journal));
  } catch (const Cancelled&) {
    export_after_stop(context, journal);
    say_how_to_go_on(context, journal);
    return watch.caught() == SIGTERM ? ExitCode::kTerminated : ExitCode::kInterrupted;
  } catch (const Error& error) {
    const bool refused = dynamic_cast<const UsageError*>(&error) != nullptr ||
                         dynamic_cast<const BudgetError*>(&error) != nullptr;
    const std::uint64_t answers = answers_of_all(journal);
    if (refused && answers == 0) {
      throw;
    }
    export_after_stop(context, journal);
    if (!refused || answers > answers_before) {
      say_how_to_go_on(context, journal);
    }
    throw;
  }
  const run::RunResults results = report::rebuild_exports(journal);
  print_results(context, journal.folder(), results);
  const ExitCode code =
      fits ? run::exit_code_of(results, asking.fail_under) : ExitCode::kDoesNotFit;
  if (code == ExitCode::kBelowFailUnder && asking.fail_under) {
    say_what_is_below(context, results, *asking.fail_under);
  }
  note(context, fmt::format("run: {}", journal.folder().string()));
  return code;
}

}  // namespace headroom::cli
