#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/outcome.h"
#include "chat_reply.h"
#include "http/loop.h"

namespace headroom::backends {

/// What is done next about a question that a server did not answer.
enum class Next {
  kSettle,  ///< it has its outcome: asking again would change nothing
  kRetry,   ///< ask again, after a pause
  kWait,    ///< the server is not there or not ready: no fault of the question, which waits
  kGiveUp,  ///< every question would end like this: stop the run, which can go on later
};
/// "settle", "retry", "wait", "give up".
std::string_view to_string(Next next);

struct Failure {
  Outcome outcome = Outcome::kServer;  ///< if it is settled now
  std::string code;
  std::string text;  ///< the server's words and the numbers
  Next next = Next::kSettle;
  std::optional<Duration> wait;  ///< what the server asks for
};

/// Maps how a request ended to what it means. `fault`: what a response with status 200 said instead
/// of an answer; empty: any other end. Pure.
Failure judge(const http::Response& response, const std::optional<ServerFault>& fault);

}  // namespace headroom::backends
