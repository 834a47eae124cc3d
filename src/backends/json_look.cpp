#include "json_look.h"

#include <limits>

namespace headroom::backends {

const Json& at(const Json& json, const char* key) {
  static const Json kNull;
  if (!json.is_object()) {
    return kNull;
  }
  const auto found = json.find(key);
  return found == json.end() ? kNull : *found;
}

std::string text_at(const Json& json, const char* key) {
  const Json& value = at(json, key);
  return value.is_string() ? value.get<std::string>() : "";
}

std::optional<std::uint64_t> count_at(const Json& json, const char* key) {
  const Json& value = at(json, key);
  return value.is_number_unsigned() ? std::optional(value.get<std::uint64_t>()) : std::nullopt;
}

std::optional<std::uint32_t> count32_at(const Json& json, const char* key) {
  const auto count = count_at(json, key);
  return count && *count <= std::numeric_limits<std::uint32_t>::max()
             ? std::optional(static_cast<std::uint32_t>(*count))
             : std::nullopt;
}

}  // namespace headroom::backends
