#include "base/json.h"

#include <fmt/format.h>

#include "base/errors.h"
#include "base/json_reason.h"

namespace headroom {

std::string json_reason(const Json::exception& error) {
  const std::string reason = error.what();
  const auto at = reason.find("] ");
  return at == std::string::npos ? reason : reason.substr(at + 2);
}

Json parse_json(std::string_view text, const std::string& where, const std::string& code) {
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    // Nested deeper than the stack allows is refused by the parser's own iterative design; what is
    // left is syntax.
    throw InputError(
        code,
        fmt::format("{}: not valid JSON at byte {}: {}", where, error.byte, json_reason(error)));
  } catch (const Json::out_of_range& error) {  // 1e999
    throw InputError(code, fmt::format("{}: not valid JSON: {}", where, json_reason(error)));
  }
}

std::string dump_json(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace headroom
