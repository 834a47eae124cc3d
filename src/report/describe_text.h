#pragma once

#include <string>

#include "report/terminal.h"
#include "run/results.h"

namespace headroom::report {

/// results_text() of the test "describe": the table, then for each model captions, facts, text-only
/// capability, flagged answers, time, speed and memory, each with unit and denominator.
std::string describe_text(const run::RunResults& results, const Style& style);

}  // namespace headroom::report
