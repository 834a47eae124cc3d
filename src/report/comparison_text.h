#pragma once

#include <string>

#include "base/json.h"
#include "report/terminal.h"
#include "run/results.h"

namespace headroom::report {

/// Accuracy by answer type and by question type, one column a model; empty without types. Lines end
/// with '\n'.
std::string breakdown_text(const run::RunResults& results, const Style& style);

/// Which model is best, how sure that is, and how many questions it would take; empty without a
/// comparison. Lines end with '\n'.
std::string best_text(const run::RunResults& results);

/// The same as values: null without a comparison.
Json best_json(const run::RunResults& results);

}  // namespace headroom::report
