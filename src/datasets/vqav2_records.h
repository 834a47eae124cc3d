#pragma once

#include <string>

#include "base/json.h"
#include "json_elements.h"

namespace headroom::datasets {

/// The record as an object. Throws UsageError naming file and record for anything else.
Json parse_record(const JsonElements& records, const Row& row);

/// Its question_id as text, digit by digit; empty when it has none.
std::string id_text(const Json& record);

/// The same; throws UsageError naming file, record and its fields when it has none.
std::string record_id(const Json& record, const JsonElements& records, const Row& row);

}  // namespace headroom::datasets
