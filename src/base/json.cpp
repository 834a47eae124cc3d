#include "base/json.h"

#include <fmt/format.h>

#include "base/errors.h"
#include "base/json_reason.h"

namespace headroom {

namespace {

/// What stands behind the last `mark`; the whole text without one.
std::string_view behind(std::string_view text, std::string_view mark) {
  const std::size_t at = text.find(mark);
  return at == std::string_view::npos ? text : text.substr(at + mark.size());
}

/// The parser's list of what may begin a value.
constexpr std::string_view kAnyValue = "'[', '{', or a literal";

/// "unexpected X; expected Y" as "found X where Y was expected".
std::string found_where(std::string_view reason) {
  constexpr std::string_view kFound = "unexpected ";
  constexpr std::string_view kWanted = "; expected ";
  if (!reason.starts_with(kFound)) {
    return std::string(reason);
  }
  reason.remove_prefix(kFound.size());
  const std::size_t split = reason.find(kWanted);
  if (split == std::string_view::npos) {
    return fmt::format("found {}", reason);
  }
  const std::string_view wanted = reason.substr(split + kWanted.size());
  return fmt::format("found {} where {} was expected",
                     reason.substr(0, split),
                     wanted == kAnyValue ? "a value" : wanted);
}

/// The parser quotes all that it has read of a token: its end says enough.
std::string with_short_quote(std::string reason) {
  constexpr std::string_view kQuote = "last read: '";
  constexpr std::size_t kMost = 40;
  const std::size_t at = reason.find(kQuote);
  if (at == std::string::npos || reason.size() - at <= kQuote.size() + kMost) {
    return reason;
  }
  return reason.substr(0, at + kQuote.size()) + "..." + reason.substr(reason.size() - kMost);
}

}  // namespace

std::string json_reason(const Json::exception& error) {
  // "[json.exception.parse_error.101] parse error at line 1, column 6: syntax error while parsing
  // value - unexpected '}'; expected ..."
  std::string_view reason = behind(error.what(), "] ");
  if (reason.starts_with("parse error")) {
    reason = behind(reason, ": ");
  }
  if (reason.starts_with("syntax error while parsing")) {
    reason = behind(reason, " - ");
  }
  // What it quotes may be cut within a character, or in another encoding.
  return Json::parse(dump_json(with_short_quote(found_where(reason)))).get<std::string>();
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
