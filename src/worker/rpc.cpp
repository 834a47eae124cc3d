#include "rpc.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/errors.h"

namespace headroom::worker {

namespace {

constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kShownMessage = 300;

/// Deepest nesting outside of strings. A tree of a million levels costs gigabytes to build, so it
/// is counted first.
std::size_t depth_of(std::string_view text) {
  std::size_t depth = 0;
  std::size_t deepest = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      deepest = std::max(deepest, ++depth);
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return deepest;
}

}  // namespace

Json parse_message(std::string_view line, const std::string& where) {
  if (const std::size_t depth = depth_of(line); depth > kMaxDepth) {
    throw InputError("E-CONTRACT",
                     fmt::format("{}: nested {} deep, the limit is {}", where, depth, kMaxDepth));
  }
  try {
    return parse_json(line, where, "E-CONTRACT");
  } catch (const InputError& error) {
    // The parser quotes the last token, which may be as long as the line.
    throw InputError("E-CONTRACT", std::string(error.what()).substr(0, kShownMessage));
  }
}

std::string request_line(std::int64_t id, std::string_view method, Json params) {
  return dump_json({{"jsonrpc", "2.0"},
                    {"id", id},
                    {"method", std::string(method)},
                    {"params", std::move(params)}}) +
         '\n';
}

std::string notification_line(std::string_view method, Json params) {
  return dump_json(
             {{"jsonrpc", "2.0"}, {"method", std::string(method)}, {"params", std::move(params)}}) +
         '\n';
}

std::string result_line(const Json& id, Json result) {
  return dump_json({{"jsonrpc", "2.0"}, {"id", id}, {"result", std::move(result)}}) + '\n';
}

std::string error_line(const Json& id, RpcCode code, const RemoteError& error) {
  return dump_json({{"jsonrpc", "2.0"},
                    {"id", id},
                    {"error",
                     {{"code", static_cast<int>(code)},
                      {"message", error.message},
                      {"data", to_json(error)}}}}) +
         '\n';
}

}  // namespace headroom::worker
