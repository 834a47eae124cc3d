#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "worker/messages.h"

namespace headroom::backends {

/// A model's answer as a server gives it.
struct ChatReply {
  std::string text;     ///< stripped
  std::string finish;   ///< "stop", "length", "content_filter"; empty: not told
  std::string refusal;  ///< the server's words where it refuses to answer
  std::optional<std::uint32_t> prompt_tokens;
  std::optional<std::uint32_t> completion_tokens;
  std::optional<std::uint32_t> cached_tokens;   ///< of the prompt's
  std::vector<worker::TokenLogProb> log_probs;  ///< token -1 where the server tells no ids
  std::vector<std::int32_t> token_ids;          ///< as far as told
  std::optional<double> prefill_seconds;        ///< by the server's own clock
  std::optional<double> decode_seconds;
};

/// What a server says instead of an answer.
struct ServerFault {
  std::string text;                            ///< its words, at most a few hundred characters
  std::string type;                            ///< "exceed_context_size_error"; empty: not told
  int code = 0;                                ///< a status code in the body; 0: none
  std::optional<std::uint64_t> prompt_tokens;  ///< of a prompt that is too long
  std::optional<std::uint64_t> context_tokens;
};

/// The body of a response with status 200, whatever its content type says: one JSON object, or
/// server-sent events with its pieces. Bytes that are not UTF-8 become U+FFFD, numbers that JSON
/// has no spelling for become null. What is no answer (an error object, no choices, HTML, half a
/// JSON, a stream without its end, nothing) is a fault. Never throws for what is in the body.
std::variant<ChatReply, ServerFault> read_reply(std::string_view body);

/// The body of a response with another status.
ServerFault read_fault(std::string_view body);

/// One JSON text as servers write it: with a byte order mark, bad UTF-8, NaN. Discarded when it is
/// none.
Json read_lenient(std::string_view text);

}  // namespace headroom::backends
