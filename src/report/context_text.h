#pragma once

#include <string>

#include "base/json.h"
#include "report/terminal.h"
#include "run/context_results.h"

namespace headroom::report {

/// The table of arms of one model and what its history is worth, each figure with what it is of.
/// Lines are indented as those of results_text.
std::string context_text(const run::ContextResults& results, const Style& style);

/// The member "context" of a model in "headroom.summary/1".
Json context_json(const run::ContextResults& results);

}  // namespace headroom::report
