#include "run/resume.h"

#include <fmt/format.h>

#include "asking.h"
#include "base/grouped.h"
#include "commands.h"
#include "data_inputs.h"
#include "model_inputs.h"
#include "new_specification.h"
#include "run/folder.h"
#include "run/grouping.h"

namespace headroom::cli {

namespace {

/// Whether a model of the run has something to ask, or to ask again with --retry-failed.
bool has_work(const run::JournalReader& journal, bool retry) {
  if (journal.run().state != run::RunState::kFinished) {
    return true;
  }
  for (const run::ModelRecord& model : journal.models()) {
    if (retry && !journal.unanswered_ids(model.no, 1).empty()) {
      return true;
    }
  }
  return false;
}

/// The run that was named, else the newest that has something to ask and that nobody works on.
std::filesystem::path choose_run(const Settings& settings) {
  const std::filesystem::path runs = settings.text("out");
  if (!settings.positionals().empty()) {
    return run::find_run(settings.positionals().front(), runs);
  }
  std::size_t in_progress = 0;
  for (const std::filesystem::path& folder : run::list_runs(runs)) {
    if (run::is_being_written(folder)) {
      ++in_progress;
    } else if (has_work(run::JournalReader::open(folder), settings.on("retry-failed"))) {
      return folder;
    }
  }
  throw UsageError(
      "E-RUN-NAME",
      fmt::format("{}: no run with anything left to ask{}; `headroom runs -o {}` lists them",
                  runs.string(),
                  in_progress == 0 ? "" : fmt::format(" ({} in progress)", in_progress),
                  runs.string()));
}

/// Kept in the data as they were begun with; a run that was killed before it had any items gets
/// them now.
void bring_up_to_date(Context& context, run::Journal& journal, const run::Specification& spec) {
  const datasets::Dataset dataset = reopen_data(context, spec);
  if (journal.item_count() == 0) {
    run::register_items(journal, dataset, run::select(dataset, spec));
    return;
  }
  const run::DataDifference difference =
      run::resume_data(journal, dataset, context.settings.on("force"));
  if (!difference.empty()) {
    context.console.note(
        fmt::format("data changed: {} changed, {} new, {} gone; the first two are asked",
                    counted(difference.changed.size(), "question"),
                    difference.added.size(),
                    difference.removed.size()));
  }
}

void retry_failures(Context& context, run::Journal& journal) {
  std::uint64_t count = 0;
  for (const run::ModelRecord& model : journal.models()) {
    count += journal.set_failures_aside(model.no);
  }
  if (context.console.options().verbosity >= 0) {
    context.console.note(fmt::format(
        "{} {} set aside and asked again", counted(count, "failure"), count == 1 ? "is" : "are"));
  }
}

/// A model that was not run gets another chance; one that could not even be found is looked for
/// again.
void look_again(Context& context, run::Journal& journal, std::uint32_t number) {
  run::ModelSpec model = journal.run().spec.models.at(number);
  if (!model.not_run) {
    return;
  }
  if (model.folder.empty()) {
    try {
      const std::string name = model.name;
      model = resolve_one_model(context, model.word, model.trust_remote_code);
      model.name = name;
    } catch (const UsageError& error) {
      model.not_run = run::NotRun{error.code(), error.what()};
      warn_not_run(context, model);
    }
  }
  if (!model.folder.empty()) {
    model.not_run.reset();
  }
  journal.set_model_spec(number, model);
}

void resume_models(Context& context, run::Journal& journal) {
  for (std::uint32_t number = 0; number < journal.models().size(); ++number) {
    look_again(context, journal, number);
  }
  const std::vector<run::ModelSpec> models = journal.run().spec.models;
  for (std::uint32_t number = 0; number < models.size(); ++number) {
    if (models[number].folder.empty()) {
      continue;
    }
    if (run::resume_model(journal, number, context.settings.on("force"))) {
      context.log.warning("run",
                          fmt::format("{}: the model's files have changed; the results say which "
                                      "answers the earlier ones gave",
                                      models[number].folder));
    }
  }
}

/// "auto" is what it was when the first answers were given, also on another machine.
void keep_dtypes(const run::Journal& journal, run::Specification& spec) {
  for (const run::ModelRecord& model : journal.models()) {
    std::string& dtype = spec.models.at(model.no).dtype;
    if (dtype.empty() && journal.count_answers(model.no) > 0) {
      dtype = model.dtype;
    }
  }
}

}  // namespace

ExitCode run_resume(Context& context) {
  const Settings& settings = context.settings;
  const std::string memory = read_memory(settings);
  const std::optional<double> fail_under = read_fail_under(settings);
  run::Journal journal = run::Journal::open(choose_run(settings), context.clock);
  resume_models(context, journal);
  run::Specification spec = journal.run().spec;
  bring_up_to_date(context, journal, spec);
  if (settings.on("retry-failed")) {
    retry_failures(context, journal);
  }
  if (settings.given("memory")) {
    spec.memory = memory;
  }
  keep_dtypes(journal, spec);
  Asking asking;
  asking.force = settings.on("force");
  asking.facts = run::survey_workload(journal);
  asking.fail_under = fail_under ? fail_under : spec.fail_under;
  if (context.console.options().verbosity >= 0) {
    context.console.note(fmt::format("run {}: {}, {}",
                                     journal.folder().string(),
                                     counted(journal.item_count(), "question"),
                                     counted(spec.models.size(), "model")));
  }
  return ask_all(context, journal, spec, std::move(asking));
}

}  // namespace headroom::cli
