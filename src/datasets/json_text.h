#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace headroom::datasets {

/// Parses one JSON text with every number kept as a string of its own characters, so that ids and
/// answers stay digit by digit what the data wrote (1.50, 12345678901234567890, 1e5). Throws
/// UsageError("E-DATA-JSON") "WHERE: not valid JSON at byte N: …", and "E-DATA-ENCODING" for a text
/// that is not UTF-8.
Json parse_json_text(std::string_view text, const std::string& where);

/// A string (numbers are such) or a truth value as text; nothing for null, lists and objects.
std::optional<std::string> as_text(const Json& value);

}  // namespace headroom::datasets
