#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace headroom {

using Json = nlohmann::json;

/// Parses one JSON text. Throws InputError(code) "WHERE: not valid JSON at byte N: …" with `where`
/// in front.
Json parse_json(std::string_view text,
                const std::string& where,
                const std::string& code = "E-JSON");
/// One line without spaces; bytes that are not UTF-8 become U+FFFD, never an exception.
std::string dump_json(const Json& value);

}  // namespace headroom
