#pragma once

#include <nlohmann/json.hpp>

namespace headroom::text {

/// JSON whose tables keep the order in which they were written: a template that prints a table
/// (`tojson`, `items`) shows it. Converts from and to headroom::Json.
using OrderedJson = nlohmann::ordered_json;

}  // namespace headroom::text
