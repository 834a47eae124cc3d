#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace headroom {

/// The JSON library's words about what is wrong, without its own numbering in front.
std::string json_reason(const nlohmann::json::exception& error);

}  // namespace headroom
