#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "worker/messages.h"

namespace headroom::worker {

/// JSON-RPC's own error codes, and ours.
enum class RpcCode : int {
  kParse = -32700,
  kInvalidRequest = -32600,
  kUnknownMethod = -32601,
  kInvalidParams = -32602,
  kFailed = -32000,  ///< the request was understood and failed; `data` says how
};

/// Parses one line. Throws InputError("E-CONTRACT") for what is not JSON or nests deeper than any
/// message of the contract; the message quotes at most a few hundred bytes.
Json parse_message(std::string_view line, const std::string& where);

std::string request_line(std::int64_t id, std::string_view method, Json params);
std::string notification_line(std::string_view method, Json params);
std::string result_line(const Json& id, Json result);
/// `id` null: the request could not be read.
std::string error_line(const Json& id, RpcCode code, const RemoteError& error);

}  // namespace headroom::worker
