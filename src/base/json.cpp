#include "base/json.h"

#include <fmt/format.h>

#include "base/errors.h"

namespace headroom {

Json parse_json(std::string_view text, const std::string& where, const std::string& code) {
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    // Nested deeper than the stack allows is refused by the parser's own iterative design; what is
    // left is syntax.
    std::string reason = error.what();
    if (const auto at = reason.find("] "); at != std::string::npos) {
      reason = reason.substr(at + 2);
    }
    throw InputError(code,
                     fmt::format("{}: not valid JSON at byte {}: {}", where, error.byte, reason));
  }
}

std::string dump_json(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace headroom
