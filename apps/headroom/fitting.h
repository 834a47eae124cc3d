#pragma once

#include "backends/backend.h"
#include "commands.h"
#include "memory/budget.h"
#include "memory/plan.h"
#include "memory/reading.h"
#include "run/specification.h"
#include "run/workload.h"

namespace headroom::cli {

/// One model's memory arithmetic against the budget of now.
struct Fitting {
  memory::Budget budget;
  memory::Plan plan;
  memory::Admission admission;
};

/// Asks the engine for the model's geometry (nothing is loaded), takes the hardest group of
/// `facts`, and the largest batch that fits.
Fitting fit(const run::Specification& spec,
            const run::ModelSpec& model,
            const run::WorkloadFacts& facts,
            backends::Backend& backend,
            memory::MemorySource& source);

/// What the budget would hold beside the workload's own: the largest picture of the shape of its
/// largest, up to the pixels that are decoded at all, and the largest batch.
memory::Largest largest_of(const run::Specification& spec,
                           const run::ModelSpec& model,
                           const Fitting& fitting,
                           backends::Backend& backend);

/// {"budget", "plan", "admission"} with "schema": "headroom.plan/1".
Json to_json(const Fitting& fitting);

/// The whole arithmetic, phase by phase, for people.
std::string fitting_text(const Fitting& fitting);
/// "largest  picture 4,096 pixels (longest side), batch 212".
std::string largest_text(const memory::Largest& largest);

}  // namespace headroom::cli
