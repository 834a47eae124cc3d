#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace headroom {

/// What is wrong with a JSON text, in plain words: "found '}' where a value was expected". Always
/// UTF-8, without the place, which the caller knows better.
std::string json_reason(const nlohmann::json::exception& error);

}  // namespace headroom
