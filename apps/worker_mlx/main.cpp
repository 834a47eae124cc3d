// headroom-worker-mlx: the MLX engine behind the worker contract, on standard input and output.
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>

#include "base/clock.h"
#include "base/errors.h"
#include "base/version.h"
#include "engine/device.h"
#include "mlx_engine.h"
#include "stderr_log.h"
#include "trim.h"
#include "worker/server.h"

namespace {

int usage() {
  fmt::print(stderr,
             "headroom-worker-mlx answers the worker contract on standard input and output; it is "
             "started by headroom.\nusage: headroom-worker-mlx [--version]\n");
  return static_cast<int>(headroom::ExitCode::kUsage);
}

/// The contract's descriptor, with standard output turned to standard error: what a library prints
/// must not get between the messages.
int claim_output() {
  const int out = ::dup(STDOUT_FILENO);
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace headroom;
  if (argc == 2 && std::strcmp(argv[1], "--version") == 0) {
    fmt::print("headroom-worker-mlx {} (MLX {})\n", kVersion, engine::engine_version());
    return 0;
  }
  if (argc != 1) {
    return usage();
  }
  std::signal(SIGPIPE, SIG_IGN);
  // Ctrl-C in a terminal reaches the whole group; the supervisor decides what it means.
  std::signal(SIGINT, SIG_IGN);
  mlx_worker::return_large_blocks();
  const int out = claim_output();
  mlx_worker::StderrLog log;
  try {
    const SystemClock clock;
    mlx_worker::MlxEngine engine(clock, log);
    return worker::serve(engine, STDIN_FILENO, out, log);
  } catch (const std::exception& error) {
    log.error("engine", error.what());
    return static_cast<int>(ExitCode::kInternal);
  }
}
