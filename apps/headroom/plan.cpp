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

/// What is planned for, whichever the model.
struct Planning {
  run::Specification spec;
  run::WorkloadFacts facts;
  std::size_t questions = 0;
};

/// What the models came to, in their order.
struct Planned {
  Json all = Json::array();
  std::string text;
  bool fits = true;
  std::size_t not_planned = 0;
};

void plan_one(Context& context,
              const Planning& planning,
              const run::ModelSpec& model,
              EngineSlot& worker,
              Planned& planned) {
  memory::SystemMemorySource source(context.clock);
  backends::Backend& backend = worker.of(context, model);
  const Fitting fitting = fit(planning.spec, model, planning.facts, backend, source);
  const memory::Largest largest = largest_of(planning.spec, model, fitting, backend);
  planned.fits = planned.fits && fitting.admission.fits && fitting.refused_sets == 0;
  Json one = to_json(fitting);
  one["model"] = model.name;
  one["questions"] = planning.questions;
  one["unaskable"] = {{"without_picture", planning.facts.without_picture},
                      {"defects", planning.facts.defects}};
  one["largest"] = memory::to_json(largest);
  planned.all.push_back(std::move(one));
  planned.text += fmt::format("{} with {}: {}, largest group {}\n{}{}{}",
                              model.name,
                              planning.spec.data.word,
                              counted(planning.questions, "question"),
                              planning.facts.largest_group,
                              unaskable_text(planning.facts, planning.questions),
                              fitting_text(fitting),
                              largest_text(largest));
}

void add_not_planned(const run::ModelSpec& model, Planned& planned) {
  ++planned.not_planned;
  planned.all.push_back(
      {{"schema", "headroom.plan/1"},
       {"model", model.name},
       {"not_run", {{"code", model.not_run->code}, {"reason", model.not_run->reason}}}});
  planned.text += fmt::format(
      "{}: not planned: {} [{}]\n", model.name, model.not_run->reason, model.not_run->code);
}

/// Each model, those that cannot be planned with the reason. Throws the only model's error, and the
/// first when there is none that could be planned; each has been told then.
Planned plan_each(Context& context, Planning& planning) {
  Planned planned;
  EngineSlot worker;
  Refusals refusals;
  for (run::ModelSpec& model : planning.spec.models) {
    if (!model.not_run) {
      try {
        plan_one(context, planning, model, worker, planned);
        continue;
      } catch (const Error& error) {
        if (planning.spec.models.size() == 1 || !concerns_one_model(error)) {
          throw;
        }
        refusals.add_current(error);
        model.not_run = run::NotRun{error.code(), error.what()};
      }
      worker.reset();  // what it failed at may have ended it
    }
    add_not_planned(model, planned);
  }
  if (planned.not_planned == planning.spec.models.size()) {
    for (const run::ModelSpec& model : planning.spec.models) {
      warn_not_run(context, model);
    }
    refusals.rethrow();
  }
  return planned;
}

}  // namespace

ExitCode run_plan(Context& context) {
  std::vector<run::ModelSpec> models = resolve_models(context);
  const OpenedData data = open_data(context);
  Planning planning;
  planning.spec = specification(context, std::move(models), data);
  const run::Selection selection = run::select(data.dataset, planning.spec);
  planning.questions = selection.positions.size();
  planning.facts = run::survey_workload(data.dataset, selection, planning.spec.max_tokens);
  const Planned planned = plan_each(context, planning);
  context.console.out(context.settings.on("json") ? dump_json(planned.all) + "\n" : planned.text);
  if (!planned.fits) {
    return ExitCode::kDoesNotFit;
  }
  return planned.not_planned == 0 ? ExitCode::kAllAnswered : ExitCode::kSomeUnanswered;
}

}  // namespace headroom::cli
