// `headroom setup`: the environments of the engines that Python brings.
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
/// 150 MB.
constexpr Bytes kNeededForLlama = 512_MiB;

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

/// An environment of Python's and how it is made.
struct VirtualEnvironment {
  fs::path folder;
  fs::path python;
  fs::path requirements;           ///< pinned versions
  fs::path made;                   ///< their copy, once it is complete
  std::vector<std::string> probe;  ///< arguments with which the engine says its version
};

void make(Context& context, const VirtualEnvironment& environment, Bytes needed) {
  require_room(environment.folder, needed);
  context.console.note(fmt::format("environment: {}", environment.folder.string()));
  std::error_code error;
  fs::create_directories(environment.folder.parent_path(), error);
  fs::remove(environment.made, error);
  run_visibly({context.settings.text("python"), "-m", "venv", environment.folder.string()});
  run_visibly({environment.python.string(),
               "-m",
               "pip",
               "install",
               "--disable-pip-version-check",
               "--requirement",
               environment.requirements.string()});
  std::vector<std::string> probe = {environment.python.string()};
  probe.insert(probe.end(), environment.probe.begin(), environment.probe.end());
  run_visibly(probe);
  if (!fs::copy_file(environment.requirements,
                     environment.made,
                     fs::copy_options::overwrite_existing,
                     error)) {
    throw ResourceError("E-SETUP",
                        fmt::format("{}: {}", environment.made.string(), error.message()));
  }
}

void set_up_torch(Context& context) {
  const TorchPlaces torch = torch_places(context.settings, context.environment);
  make(context,
       {torch.environment,
        torch.python,
        torch.worker / "requirements.txt",
        torch.made,
        {"-I", torch.worker.string(), "--version"}},
       fetches_cuda(context.environment) ? kNeeded : kNeededWithoutCuda);
  context.console.note("ready: headroom vqa -m torch:MODEL");
}

void set_up_llama(Context& context) {
  const fs::path script = llama_script();
  const fs::path environment = llama_environment(context.environment);
  make(context,
       {environment,
        environment / "bin" / "python",
        script.parent_path() / "requirements.txt",
        environment / "requirements.txt",
        {"-I", script.string(), "--version"}},
       kNeededForLlama);
  context.console.note("ready: headroom vqa -m gguf:MODEL");
}

}  // namespace

ExitCode run_setup(Context& context) {
  const std::string& engine = context.settings.positionals().front();
  if (engine == "torch") {
    set_up_torch(context);
  } else if (engine == "llama") {
    set_up_llama(context);
  } else {
    throw UsageError("E-USAGE-WORD",
                     fmt::format("headroom setup: '{}' is no engine that it can get; there is "
                                 "torch, llama (MLX comes with the program)",
                                 engine));
  }
  return ExitCode::kAllAnswered;
}

}  // namespace headroom::cli
