#include <fmt/format.h>

#include <filesystem>
#include <optional>

#include "asking.h"
#include "base/grouped.h"
#include "commands.h"
#include "inputs.h"
#include "memory/system_source.h"
#include "run/folder.h"
#include "run/grouping.h"
#include "run/resume.h"

namespace headroom::cli {

namespace {

/// A model that was refused before its first answer leaves no run behind.
void discard_unanswered(std::optional<run::Journal>& journal, const std::filesystem::path& folder) {
  if (answers_of_all(*journal) > 0) {
    return;
  }
  journal.reset();
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
}

}  // namespace

ExitCode run_vqa(Context& context) {
  std::vector<run::ModelSpec> models = resolve_models(context);
  const OpenedData data = open_data(context);
  const datasets::Dataset& dataset = data.dataset;
  const run::Specification spec = specification(context, std::move(models), data);
  const run::Selection selection = run::select(dataset, spec);

  Asking asking;
  asking.facts = run::survey_workload(dataset, selection);
  asking.fail_under = spec.fail_under;
  asking.backend = make_backend(context);
  memory::SystemMemorySource source(context.clock);
  for (const run::ModelSpec& model : spec.models) {  // refuse before a run folder is made
    if (spec.governor) {
      memory::require_fit(fit(spec, model, asking.facts, *asking.backend, source).admission);
    }
  }

  const run::RunFolder folder = run::create_run_folder(spec.out, spec, context.clock);
  std::optional<run::Journal> journal =
      run::Journal::create(folder.path, folder.id, spec, context.clock);
  run::register_items(*journal, dataset, selection);
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
