// Messages of the worker contract from hostile bytes: cut into lines, parsed, read as every type,
// written and read again. Built with -fsanitize=fuzzer it explores; with its plain main it replays
// the files and folders that it is given.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/errors.h"
#include "line_buffer.h"
#include "log_tail.h"
#include "rpc.h"
#include "worker/messages.h"

namespace {

using namespace headroom;
using namespace headroom::worker;

constexpr std::size_t kMaxFuzzedLine = 1U << 16U;

void require(bool holds, const char* what) {
  if (!holds) {
    std::fprintf(stderr, "worker_message_fuzzer: violated: %s\n", what);
    std::abort();
  }
}

/// What is read can be written, and then reads as the same.
template <typename T>
void read_as(const Json& json) {
  std::string written;
  try {
    written = dump_json(to_json(from_json<T>(json)));
  } catch (const InputError&) {
    return;  // refusing is an answer
  }
  try {
    const std::string again = dump_json(to_json(from_json<T>(parse_message(written, "written"))));
    require(again == written, "what was written reads as the same");
  } catch (const InputError&) {
    require(false, "what was written can be read");
  }
}

void try_message(const Json& message) {
  for (const char* key : {"params", "result", "error"}) {
    if (!message.is_object() || !message.contains(key)) {
      continue;
    }
    const Json& body = message[key];
    read_as<Hello>(body);
    read_as<PlanRequest>(body);
    read_as<LoadRequest>(body);
    read_as<Loaded>(body);
    read_as<AskRequest>(body);
    read_as<Answer>(body);
    read_as<AskDone>(body);
    read_as<Cleaned>(body);
    read_as<Unloaded>(body);
    read_as<VerifyRequest>(body);
    read_as<Verified>(body);
    read_as<RemoteError>(body.is_object() && body.contains("data") ? body["data"] : body);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  LineBuffer lines(kMaxFuzzedLine);
  LogTail tail;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::size_t half = size / 2;
  for (const std::string_view part : {bytes.substr(0, half), bytes.substr(half)}) {
    lines.append(part);
    tail.append(part, [](const std::string& line) {
      require(line.find('\x1b') == std::string::npos, "a log line holds no control characters");
    });
    while (const auto line = lines.next()) {
      require(line->text.size() <= kMaxFuzzedLine, "a line keeps the limit");
      try {
        try_message(parse_message(line->text, "message"));
      } catch (const InputError& error) {
        require(error.code() == "E-CONTRACT", "what cannot be parsed is refused as such");
      }
    }
  }
  require(tail.text().size() < (1U << 16U), "the tail of a log is short");
  return 0;
}
