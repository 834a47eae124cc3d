#include "worker/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "base/errors.h"
#include "pipe_io.h"

extern "C" char** environ;

namespace headroom::worker {

namespace {

constexpr Duration kExitPoll = std::chrono::milliseconds(1);

constexpr std::array<std::pair<int, const char*>, 15> kSignalNames = {{
    {SIGHUP, "SIGHUP"},
    {SIGINT, "SIGINT"},
    {SIGQUIT, "SIGQUIT"},
    {SIGILL, "SIGILL"},
    {SIGTRAP, "SIGTRAP"},
    {SIGABRT, "SIGABRT"},
    {SIGBUS, "SIGBUS"},
    {SIGFPE, "SIGFPE"},
    {SIGKILL, "SIGKILL"},
    {SIGSEGV, "SIGSEGV"},
    {SIGPIPE, "SIGPIPE"},
    {SIGALRM, "SIGALRM"},
    {SIGTERM, "SIGTERM"},
    {SIGXCPU, "SIGXCPU"},
    {SIGSYS, "SIGSYS"},
}};

[[noreturn]] void throw_start_error(const std::string& program, const std::string& reason) {
  throw BackendError("E-WORKER-START", fmt::format("cannot start worker {}: {}", program, reason));
}

bool is_executable(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
         ::access(path.c_str(), X_OK) == 0;
}

/// What execvp would run. Looked up before the fork: afterwards only a few calls are safe.
std::string resolve_program(const std::string& program) {
  if (program.find('/') != std::string::npos) {
    return program;
  }
  const char* path = std::getenv("PATH");
  std::string_view folders = path == nullptr ? "/usr/bin:/bin" : path;
  while (!folders.empty()) {
    const std::size_t colon = std::min(folders.find(':'), folders.size());
    const std::string candidate =
        fmt::format("{}/{}", colon == 0 ? "." : folders.substr(0, colon), program);
    if (is_executable(candidate)) {
      return candidate;
    }
    folders.remove_prefix(std::min(colon + 1, folders.size()));
  }
  throw_start_error(program, "no such program in PATH");
}

std::vector<std::string> make_environment(const WorkerCommand& command) {
  const auto& added = command.env;
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const bool replaced = std::any_of(added.begin(), added.end(), [&](const auto& pair) {
      return text.starts_with(pair.first) && text.substr(pair.first.size()).starts_with('=');
    });
    const bool inherited = !command.inherits || command.inherits(text.substr(0, text.find('=')));
    if (!replaced && inherited) {
      result.emplace_back(text);
    }
  }
  for (const auto& [name, value] : added) {
    result.push_back(fmt::format("{}={}", name, value));
  }
  return result;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) {
    result.push_back(text.data());
  }
  result.push_back(nullptr);
  return result;
}

/// What the child writes when it cannot become the program.
struct ChildFailure {
  int error;
  bool in_group;  ///< it could not enter its control group
};

/// Between fork and exec: only async-signal-safe calls.
struct ChildSetup {
  int input;
  int output;
  int error;
  int report;  ///< where a ChildFailure goes
  pid_t parent;
  const char* program;
  char* const* arguments;
  char* const* environment;
  const char* group;  ///< its file of members, or null

  /// Tells the parent what failed, and ends.
  [[noreturn]] void fail(bool in_group) const {
    const ChildFailure failure{errno, in_group};
    [[maybe_unused]] const ssize_t put = ::write(report, &failure, sizeof failure);
    ::_exit(127);
  }

  /// "0" is whoever writes it.
  void enter_group() const {
    const int fd = group == nullptr ? -1 : ::open(group, O_WRONLY | O_CLOEXEC);
    if (group != nullptr && (fd < 0 || ::write(fd, "0", 1) != 1)) {
      fail(true);
    }
    if (fd >= 0) {
      ::close(fd);
    }
  }

  [[noreturn]] void run() const {
    ::setpgid(0, 0);
#ifdef __linux__
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) {
      ::_exit(1);
    }
    prefer_as_victim();
#endif
    enter_group();
    for (int signal = 1; signal < NSIG; ++signal) {
      ::signal(signal, SIG_DFL);
    }
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    if (::dup2(input, 0) == 0 && ::dup2(output, 1) == 1 && ::dup2(error, 2) == 2) {
      ::execve(program, arguments, environment);
    }
    fail(false);
  }

#ifdef __linux__
  /// When the kernel must kill, it shall be the worker, which is started again, not its supervisor.
  static void prefer_as_victim() {
    const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
      [[maybe_unused]] const ssize_t put = ::write(fd, "500", 3);
      ::close(fd);
    }
  }
#endif
};

Bytes peak_of(const rusage& usage) {
  const auto units = static_cast<std::uint64_t>(std::max(0L, usage.ru_maxrss));
#ifdef __APPLE__
  return Bytes(units);
#else
  return Bytes(units << 10U);
#endif
}

}  // namespace

std::string signal_name(int signal) {
  for (const auto& [number, name] : kSignalNames) {
    if (number == signal) {
      return name;
    }
  }
  return fmt::format("signal {}", signal);
}

std::string to_string(const ExitState& state) {
  if (state.signal) {
    return fmt::format("signal {} ({})", *state.signal, signal_name(*state.signal));
  }
  return state.status ? fmt::format("exit status {}", *state.status) : "an unknown end";
}

ChildProcess::ChildProcess(const WorkerCommand& command) {
  const std::string program = resolve_program(command.program);
  std::vector<std::string> arguments = {command.program};
  arguments.insert(arguments.end(), command.args.begin(), command.args.end());
  std::vector<std::string> environment = make_environment(command);
  const std::string members = command.group.empty() ? "" : command.group / "cgroup.procs";
  const std::vector<char*> argument_pointers = pointers(arguments);
  const std::vector<char*> environment_pointers = pointers(environment);

  std::array<PipeEnds, 4> pipes;
  const auto close_all = [&pipes] {
    for (const PipeEnds& ends : pipes) {
      for (const int end : {ends.read, ends.write}) {
        if (end >= 0) {
          ::close(end);
        }
      }
    }
  };
  try {
    for (PipeEnds& ends : pipes) {
      ends = make_pipe();
    }
  } catch (...) {
    close_all();
    throw;
  }
  auto& [in, out, err, report] = pipes;
  const ChildSetup setup{in.read,
                         out.write,
                         err.write,
                         report.write,
                         ::getpid(),
                         program.c_str(),
                         argument_pointers.data(),
                         environment_pointers.data(),
                         members.empty() ? nullptr : members.c_str()};
  pid_ = ::fork();
  if (pid_ == 0) {
    setup.run();
  }
  if (pid_ < 0) {
    const int error = errno;
    close_all();
    throw_start_error(command.program, std::strerror(error));
  }
  ::setpgid(pid_, pid_);  // here too, so that it is so before either goes on
  input_ = std::exchange(in.write, -1);
  output_ = std::exchange(out.read, -1);
  error_ = std::exchange(err.read, -1);
  ::close(std::exchange(report.write, -1));
  ChildFailure failure{};
  ssize_t got = 0;
  do {
    got = ::read(report.read, &failure, sizeof failure);
  } while (got < 0 && errno == EINTR);
  close_all();
  for (const int end : {input_, output_, error_}) {
    set_nonblocking(end);
  }
  if (got == sizeof failure) {
    kill();
    for (const int end : {input_, output_, error_}) {
      ::close(end);
    }
    if (failure.in_group) {
      throw BackendError("E-WORKER-GROUP",
                         fmt::format("worker {} cannot enter {}: {}",
                                     command.program,
                                     members,
                                     std::strerror(failure.error)));
    }
    throw_start_error(command.program, std::strerror(failure.error));
  }
}

ChildProcess::~ChildProcess() {
  kill();
  close_input();
  ::close(output_);
  ::close(error_);
}

void ChildProcess::close_input() {
  if (input_ >= 0) {
    ::close(std::exchange(input_, -1));
  }
}

std::optional<ExitState> ChildProcess::poll_exit() {
  if (exit_) {
    return exit_;
  }
  const std::scoped_lock lock(reaping_);
  siginfo_t info{};
  // Looked at first and reaped after: while the leader is there, its group's number is its own.
  const int looked = ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
  if (looked == 0 && info.si_pid == 0) {
    return std::nullopt;
  }
  if (looked == 0) {
    ::kill(-pid_, SIGKILL);
  }
  int status = 0;
  rusage usage{};
  pid_t reaped = -1;
  do {
    reaped = ::wait4(pid_, &status, 0, &usage);
  } while (reaped < 0 && errno == EINTR);
  ExitState state;
  if (reaped == pid_) {
    if (WIFSIGNALED(status)) {
      state.signal = WTERMSIG(status);
    } else if (WIFEXITED(status)) {
      state.status = WEXITSTATUS(status);
    }
    state.peak_rss = peak_of(usage);
  }
  exit_ = state;
  return exit_;
}

std::optional<ExitState> ChildProcess::wait_exit(Duration limit, Clock& clock) {
  const TimePoint end = clock.now() + limit;
  while (true) {
    if (std::optional<ExitState> state = poll_exit()) {
      return state;
    }
    if (clock.now() >= end) {
      return std::nullopt;
    }
    clock.sleep(kExitPoll);
  }
}

ExitState ChildProcess::kill() {
  if (exit_) {
    return *exit_;
  }
  ::kill(-pid_, SIGKILL);
  ::kill(pid_, SIGKILL);
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) != 0 &&
         errno == EINTR) {
  }
  return *poll_exit();
}

bool ChildProcess::strike() { return strike(SIGKILL); }

bool ChildProcess::strike(int signal) {
  const std::scoped_lock lock(reaping_);
  return !exit_ && ::kill(-pid_, signal) == 0;
}

}  // namespace headroom::worker
