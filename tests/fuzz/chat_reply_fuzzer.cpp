// A server's answer from hostile bytes. Built with -fsanitize=fuzzer it explores; with its plain
// main it replays the files and folders that it is given.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "chat_reply.h"
#include "server_failure.h"

namespace {

using namespace headroom::backends;

void require(bool holds, const char* what) {
  if (!holds) {
    std::fprintf(stderr, "chat_reply_fuzzer: violated: %s\n", what);
    std::abort();
  }
}

/// Whatever failed has a code and words, and none of it is an answer.
void check(const Failure& failure) {
  require(!failure.code.empty(), "a failure has a code");
  require(!failure.text.empty(), "a failure has words");
  require(failure.outcome != headroom::Outcome::kAnswered, "a failure is no answer");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string body(reinterpret_cast<const char*>(data), size);
  headroom::http::Response response;
  response.end = headroom::http::End::kResponse;
  response.status = 200;
  const auto read = read_reply(body);
  if (const auto* const fault = std::get_if<ServerFault>(&read)) {
    require(!fault->text.empty(), "a fault has words");
    check(judge(response, *fault));
  }
  response.body = body;
  for (const int status : {301, 400, 404, 429, 500, 503}) {
    response.status = status;
    check(judge(response, std::nullopt));
  }
  return 0;
}
