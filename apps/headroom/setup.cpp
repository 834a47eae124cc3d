// `headroom setup torch`: the environment of the PyTorch worker.
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/errors.h"
#include "commands.h"
#include "places.h"

extern char** environ;

namespace headroom::cli {

namespace {

namespace fs = std::filesystem;

/// Installed with CUDA on Linux: 5.6 GB; while it is installed the downloaded files lie beside it.
constexpr Bytes kNeeded = 9_GiB;
constexpr Bytes kNeededWithoutCuda = 3_GiB;

/// Runs a program to its end, with all that it prints on standard error. Throws
/// ResourceError("E-SETUP") when it cannot be started or fails.
void run_visibly(const std::vector<std::string>& words) {
  std::vector<char*> arguments;
  for (const std::string& word : words) {
    arguments.push_back(const_cast<char*>(word.c_str()));
  }
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
  pid_t pid = -1;
  const int failure =
      ::posix_spawnp(&pid, words.front().c_str(), &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failure != 0) {
    throw ResourceError("E-SETUP",
                        fmt::format("cannot start {}: {}", words.front(), std::strerror(failure)));
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    std::string line;
    for (const std::string& word : words) {
      line += (line.empty() ? "" : " ") + word;
    }
    throw ResourceError(
        "E-SETUP",
        fmt::format("`{}` ended with {}; what it said stands above. The same "
                    "command goes on where it stopped",
                    line,
                    WIFEXITED(status) ? fmt::format("exit status {}", WEXITSTATUS(status))
                                      : fmt::format("signal {}", WTERMSIG(status))));
  }
}

fs::path nearest_existing(fs::path folder) {
  std::error_code error;
  while (!fs::exists(folder, error) && folder.has_parent_path() && folder != folder.parent_path()) {
    folder = folder.parent_path();
  }
  return folder;
}

/// Before gigabytes are fetched for nothing.
void require_room(const fs::path& environment, Bytes needed) {
  std::error_code error;
  const fs::space_info space = fs::space(nearest_existing(environment), error);
  if (!error && Bytes(space.available) < needed) {
    throw ResourceError("E-SETUP",
                        fmt::format("{}: {} free, the environment needs about {}; set "
                                    "XDG_DATA_HOME to a folder on a larger disk",
                                    environment.string(),
                                    to_string(Bytes(space.available)),
                                    to_string(needed)));
  }
}

bool fetches_cuda(const Environment& environment) {
#ifdef __APPLE__
  return false;
#else
  for (const char* name : {"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"}) {
    if (environment(name).value_or("").ends_with("/cpu")) {
      return false;
    }
  }
  return true;
#endif
}

void set_up_torch(Context& context) {
  const TorchPlaces torch = torch_places(context.settings, context.environment);
  const fs::path requirements = torch.worker / "requirements.txt";
  require_room(torch.environment, fetches_cuda(context.environment) ? kNeeded : kNeededWithoutCuda);
  context.console.note(fmt::format("PyTorch's environment: {}", torch.environment.string()));
  std::error_code error;
  fs::create_directories(torch.environment.parent_path(), error);
  fs::remove(torch.made, error);
  run_visibly({context.settings.text("python"), "-m", "venv", torch.environment.string()});
  run_visibly({torch.python.string(),
               "-m",
               "pip",
               "install",
               "--disable-pip-version-check",
               "--requirement",
               requirements.string()});
  run_visibly({torch.python.string(), "-I", torch.worker.string(), "--version"});
  if (!fs::copy_file(requirements, torch.made, fs::copy_options::overwrite_existing, error)) {
    throw ResourceError("E-SETUP", fmt::format("{}: {}", torch.made.string(), error.message()));
  }
  context.console.note("ready: headroom vqa -m torch:MODEL");
}

}  // namespace

ExitCode run_setup(Context& context) {
  const std::string& engine = context.settings.positionals().front();
  if (engine != "torch") {
    throw UsageError("E-USAGE-WORD",
                     fmt::format("headroom setup: '{}' is no engine that it can get; there is "
                                 "torch (MLX comes with the program)",
                                 engine));
  }
  set_up_torch(context);
  return ExitCode::kAllAnswered;
}

}  // namespace headroom::cli
