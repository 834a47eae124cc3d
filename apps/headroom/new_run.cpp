#include "new_run.h"

#include <fmt/format.h>

#include <filesystem>
#include <optional>

#include "asking.h"
#include "base/grouped.h"
#include "commands.h"
#include "memory/system_source.h"
#include "model_inputs.h"
#include "run/folder.h"
#include "run/grouping.h"
#include "run/resume.h"

namespace headroom::cli {

namespace {

void discard(std::optional<run::Journal>& journal, const std::filesystem::path& folder) {
  journal.reset();
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
}

/// A model that was refused before its first answer leaves no run behind.
void discard_unanswered(std::optional<run::Journal>& journal, const std::filesystem::path& folder) {
  if (answers_of_all(*journal) == 0) {
    discard(journal, folder);
  }
}

/// The run's folder with all its questions in the journal, or nothing: what has no questions could
/// not be resumed.
run::Journal begin_run(Context& context,
                       const run::Specification& spec,
                       const run::RunFolder& folder,
                       const datasets::Dataset& dataset,
                       const run::Selection& selection) {
  std::optional<run::Journal> journal;
  try {
    journal.emplace(run::Journal::create(folder.path, folder.id, spec, context.clock));
    run::register_items(*journal, dataset, selection);
    return std::move(*journal);
  } catch (const ResourceError& error) {
    discard(journal, folder.path);
    if (error.code() != "E-DISK-FULL") {
      throw;
    }
    throw ResourceError(
        "E-DISK-FULL",
        fmt::format("{}: no space left on the disk for the journal of {}; nothing was asked and "
                    "nothing is kept: free some space, or choose another place with --out, then "
                    "start again",
                    folder.path.string(),
                    counted(selection.positions.size(), "question")));
  } catch (...) {
    discard(journal, folder.path);
    throw;
  }
}

/// Refuses what cannot fit before a run folder is made: throws for the only model, or when there is
/// none that can be asked (each is told then, too); else the model is kept with the reason.
void require_fits(Context& context, run::Specification& spec, Asking& asking) {
  memory::SystemMemorySource source(context.clock);
  Refusals refusals;
  bool askable = false;
  for (run::ModelSpec& model : spec.models) {
    if (model.not_run) {
      continue;
    }
    try {
      if (spec.governor) {
        memory::require_fit(
            fit(spec, model, asking.facts, asking.worker.of(context, model), source).admission);
      }
      askable = true;
    } catch (const Error& error) {
      if (spec.models.size() == 1 || !concerns_one_model(error)) {
        throw;
      }
      refusals.add_current(error);
      model.not_run = run::NotRun{error.code(), error.what()};
    }
  }
  for (const run::ModelSpec& model : spec.models) {
    if (model.not_run) {
      warn_not_run(context, model);
    }
  }
  if (!askable) {
    refusals.rethrow();
  }
}

}  // namespace

ExitCode ask_new_run(Context& context, run::Specification spec, const datasets::Dataset& dataset) {
  const run::Selection selection = run::select(dataset, spec);
  Asking asking;
  asking.facts = run::survey_workload(dataset, selection, spec.max_tokens);
  asking.fail_under = spec.fail_under;
  require_fits(context, spec, asking);

  const run::RunFolder folder = run::create_run_folder(spec.out, spec, context.clock);
  std::optional<run::Journal> journal = begin_run(context, spec, folder, dataset, selection);
  if (context.console.options().verbosity >= 0) {
    context.console.note(fmt::format("data {}: {} in {}; run {}",
                                     spec.data.word,
                                     counted(selection.positions.size(), "question"),
                                     counted(selection.groups, "group"),
                                     folder.path.string()));
    for (const std::string& notice : selection.notices) {
      context.console.note(fmt::format("data {}: {}", spec.data.word, notice));
    }
  }
  try {
    return ask_all(context, *journal, spec, std::move(asking));
  } catch (const UsageError&) {
    discard_unanswered(journal, folder.path);
    throw;
  } catch (const BudgetError&) {
    discard_unanswered(journal, folder.path);
    throw;
  }
}

}  // namespace headroom::cli
