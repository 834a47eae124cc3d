#pragma once

#include "base/json.h"
#include "run/describe_results.h"
#include "run/records.h"

namespace headroom::report {

/// The member "describe" of a model in summary.json.
Json describe_json(const run::DescribeResults& results);

/// Adds "flags" and "facts" to a record of answers.jsonl, where the answer has any.
void add_description(Json& record, const run::ItemRecord& item, const worker::Answer& answer);

}  // namespace headroom::report
