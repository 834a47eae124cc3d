#include "base/json.h"

#include <fmt/format.h>

#include "base/errors.h"

namespace headroom {

namespace {

/// The parser's words without its own numbering in front.
std::string reason_of(const Json::exception& error) {
  const std::string reason = error.what();
  const auto at = reason.find("] ");
  return at == std::string::npos ? reason : reason.substr(at + 2);
}

}  // namespace

Json parse_json(std::string_view text, const std::string& where, const std::string& code) {
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    // Nested deeper than the stack allows is refused by the parser's own iterative design; what is
    // left is syntax.
    throw InputError(
        code,
        fmt::format("{}: not valid JSON at byte {}: {}", where, error.byte, reason_of(error)));
  } catch (const Json::out_of_range& error) {  // 1e999
    throw InputError(code, fmt::format("{}: not valid JSON: {}", where, reason_of(error)));
  }
}

std::string dump_json(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace headroom
