#include "memory/plan.h"

#include <fmt/format.h>

#include "asking.h"
#include "commands.h"
#include "fitting.h"
#include "inputs.h"
#include "memory/system_source.h"
#include "run/grouping.h"

namespace headroom::cli {

ExitCode run_plan(Context& context) {
  std::vector<run::ModelSpec> models = resolve_models(context);
  const OpenedData data = open_data(context);
  const run::Specification spec = specification(context, std::move(models), data);
  const run::Selection selection = run::select(data.dataset, spec);
  const run::WorkloadFacts facts = run::survey_workload(data.dataset, selection);
  const auto backend = make_backend(context);
  memory::SystemMemorySource source(context.clock);

  bool fits = true;
  Json all = Json::array();
  std::string text;
  for (const run::ModelSpec& model : spec.models) {
    const Fitting fitting = fit(spec, model, facts, *backend, source);
    fits = fits && fitting.admission.fits && fitting.refused_sets == 0;
    const memory::Largest largest = largest_of(spec, model, fitting, *backend);
    Json one = to_json(fitting);
    one["model"] = model.name;
    one["largest"] = memory::to_json(largest);
    all.push_back(std::move(one));
    text += fmt::format("{} with {}: {} questions, largest group {}\n{}{}",
                        model.name,
                        spec.data.word,
                        selection.positions.size(),
                        facts.largest_group,
                        fitting_text(fitting),
                        largest_text(largest));
  }
  context.console.out(context.settings.on("json") ? dump_json(all) + "\n" : text);
  return fits ? ExitCode::kAllAnswered : ExitCode::kDoesNotFit;
}

}  // namespace headroom::cli
