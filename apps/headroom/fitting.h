#pragma once

#include "backends/backend.h"
#include "commands.h"
#include "memory/budget.h"
#include "memory/coverage.h"
#include "memory/plan.h"
#include "memory/reading.h"
#include "run/specification.h"
#include "run/workload.h"

namespace headroom::cli {

/// One model's memory arithmetic against the budget of now.
struct Fitting {
  memory::Budget budget;
  memory::Plan plan;            ///< of the hardest group that fits
  memory::Admission admission;  ///< of that plan
  std::size_t picture_sets = 0;
  std::size_t refused_sets = 0;              ///< that fit on no rung
  std::optional<memory::Admission> refused;  ///< of the hardest of those
  std::uint64_t longer_texts = 0;            ///< questions whose text the model's context is less
                                             ///< than, by estimate; no part of the plan
};

/// Asks the engine for the model's geometry (nothing is loaded) and tries each set of pictures of
/// `facts` against the budget.
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

/// What is not planned for because its text is longer than the context, with the numbers; empty:
/// nothing.
std::string longer_text(const Fitting& fitting);
/// What will not be asked for want of memory, with the numbers; empty: nothing.
std::string refused_text(const Fitting& fitting);
/// The whole arithmetic, phase by phase, for people.
std::string fitting_text(const Fitting& fitting);
/// "largest  picture 4,096 pixels (longest side), batch 212".
std::string largest_text(const memory::Largest& largest);

}  // namespace headroom::cli
