#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "report/terminal.h"
#include "run/results.h"

/// What the results of every test say of a model.
namespace headroom::report {

/// "94.2 MiB of 512.0 MiB", toned when the budget was broken.
std::string peak_cell(const run::ModelResults& model, const Style& style);

/// Seconds asking by phase, and loading.
std::string time_line(const run::ModelResults& model);

/// The peak against plan and budget, clean-ups and restarts.
std::string memory_line(const run::ModelResults& model);

/// "image 2, memory 1": the unanswered by outcome.
std::string failures_line(const scoring::Counts& counts);

/// How far a model has come that has not come to its end.
struct Unfinished {
  std::string_view label;  ///< "not run", "waiting", "stopped", "so far"
  std::string text;        ///< "after 400 of 1,000 questions: why [E-CODE]"
};

/// Nothing of a model that has. `state`: of the run; `unit`: what its items are, in the singular.
std::optional<Unfinished> unfinished(const run::ModelResults& model,
                                     run::RunState state,
                                     std::string_view unit);

}  // namespace headroom::report
