// A worker that keeps the contract except where its script says otherwise:
//   scripted_worker [--script JSON] [--state FOLDER]
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <string>
#include <string_view>

#include "scripted_engine.h"
#include "worker/server.h"

namespace {

class StandardErrorLog final : public headroom::Log {
 public:
  void write(headroom::LogLevel, std::string_view part, const std::string& message) override {
    fmt::print(stderr, "{}: {}\n", part, message);
  }
};

int run(int argc, char** argv) {
  std::string script = "[]";
  std::string state;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::string_view(argv[i]) == "--script") {
      script = argv[i + 1];
    } else if (std::string_view(argv[i]) == "--state") {
      state = argv[i + 1];
    }
  }
  headroom::testing::Script played(headroom::parse_json(script, "--script"), state);
  headroom::testing::ScriptedEngine engine(played);
  StandardErrorLog log;
  return headroom::worker::serve(engine, STDIN_FILENO, STDOUT_FILENO, log);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "scripted_worker: {}\n", error.what());
    return 70;
  }
}
