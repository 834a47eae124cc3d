#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/json.h"

namespace headroom::backends {

/// Looks into JSON that need not be what it should: a member that is missing, or of another type,
/// is nothing, never an error.

/// The member; null when there is none, or when this is no object.
const Json& at(const Json& json, const char* key);
/// Empty unless it is a text.
std::string text_at(const Json& json, const char* key);
/// Empty unless it is a whole number from 0.
std::optional<std::uint64_t> count_at(const Json& json, const char* key);
/// The same, of those that 32 bits hold.
std::optional<std::uint32_t> count32_at(const Json& json, const char* key);

}  // namespace headroom::backends
