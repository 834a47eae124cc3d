#include "memory/plan.h"

#include <fmt/format.h>

#include "asking.h"
#include "base/grouped.h"
#include "commands.h"
#include "data_inputs.h"
#include "fitting.h"
#include "memory/system_source.h"
#include "model_inputs.h"
#include "new_specification.h"
#include "run/grouping.h"

namespace headroom::cli {

namespace {

/// Empty when every question can be asked, as far as headers of pictures show.
std::string unaskable_text(const run::WorkloadFacts& facts, std::size_t questions) {
  const std::uint64_t count = facts.defects + facts.without_picture;
  if (count == 0) {
    return {};
  }
  std::string text = fmt::format("{} of {} cannot be asked", count, counted(questions, "question"));
  if (facts.without_picture > 0) {
    text += fmt::format("; {} for want of a picture, the first: {}",
                        facts.without_picture,
                        facts.unreadable_reason);
  }
  if (facts.defects > 0) {
    text += fmt::format(
        "; {} for a defect of the row, the first: {}", facts.defects, facts.first_defect);
  }
  return text + "\n";
}

}  // namespace

ExitCode run_plan(Context& context) {
  std::vector<run::ModelSpec> models = resolve_models(context);
  const OpenedData data = open_data(context);
  const run::Specification spec = specification(context, std::move(models), data);
  const run::Selection selection = run::select(data.dataset, spec);
  const run::WorkloadFacts facts = run::survey_workload(data.dataset, selection, spec.max_tokens);
  EngineSlot worker;
  memory::SystemMemorySource source(context.clock);

  bool fits = true;
  Json all = Json::array();
  std::string text;
  for (const run::ModelSpec& model : spec.models) {
    backends::Backend& backend = worker.of(context, model);
    const Fitting fitting = fit(spec, model, facts, backend, source);
    fits = fits && fitting.admission.fits && fitting.refused_sets == 0;
    const memory::Largest largest = largest_of(spec, model, fitting, backend);
    Json one = to_json(fitting);
    one["model"] = model.name;
    one["questions"] = selection.positions.size();
    one["unaskable"] = {{"without_picture", facts.without_picture}, {"defects", facts.defects}};
    one["largest"] = memory::to_json(largest);
    all.push_back(std::move(one));
    text += fmt::format("{} with {}: {}, largest group {}\n{}{}{}",
                        model.name,
                        spec.data.word,
                        counted(selection.positions.size(), "question"),
                        facts.largest_group,
                        unaskable_text(facts, selection.positions.size()),
                        fitting_text(fitting),
                        largest_text(largest));
  }
  context.console.out(context.settings.on("json") ? dump_json(all) + "\n" : text);
  return fits ? ExitCode::kAllAnswered : ExitCode::kDoesNotFit;
}

}  // namespace headroom::cli
