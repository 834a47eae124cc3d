#pragma once

#include <string>

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
std::string failures_line(const run::ModelResults& model);

}  // namespace headroom::report
