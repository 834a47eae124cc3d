#include "run_program.h"

#include <unistd.h>

#include <array>

#include "base/clock.h"
#include "base/errors.h"

namespace headroom::worker {

namespace {

constexpr Duration kLimit = std::chrono::seconds(5);

/// What lies in the pipe, up to one read: the program is short of words.
std::string read_once(int descriptor) {
  std::array<char, 4096> bytes;
  const ssize_t got = ::read(descriptor, bytes.data(), bytes.size());
  std::string text(bytes.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  text.erase(text.find_last_not_of(" \n\t") + 1);
  return text;
}

}  // namespace

ProgramEnd run_program(const WorkerCommand& command) {
  ProgramEnd end;
  try {
    SystemClock clock;
    ChildProcess child(command);
    child.close_input();
    const std::optional<ExitState> state = child.wait_exit(kLimit, clock);
    end.out = read_once(child.output());
    end.error = read_once(child.error());
    end.done = state && state->status == 0;
    if (!end.done && end.error.empty()) {
      end.error = state ? to_string(*state) : "no end within 5 s";
    }
  } catch (const Error& error) {
    end.error = error.what();
  }
  return end;
}

}  // namespace headroom::worker
