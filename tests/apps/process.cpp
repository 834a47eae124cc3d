#include "process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>

extern char** environ;

namespace headroom::test {

namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

bool is_users_own(const std::string& name) {
  return name.starts_with("HEADROOM_") || name.starts_with("HF_") || name.starts_with("XDG_") ||
         name == "NO_COLOR" || name == "HOME" || name == "HUGGINGFACE_HUB_CACHE";
}

std::vector<std::string> environment_of(const Start& start) {
  std::map<std::string, std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::string name = text.substr(0, text.find('='));
    if (!is_users_own(name)) {
      all[name] = text.substr(std::min(text.size(), name.size() + 1));
    }
  }
  all["HOME"] = start.folder.string();
  for (const auto& [name, value] : start.environment) {
    all[name] = value;
  }
  std::vector<std::string> entries;
  entries.reserve(all.size());
  for (const auto& [name, value] : all) {
    entries.push_back(name + "=" + value);
  }
  return entries;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  all.reserve(texts.size() + 1);
  for (std::string& text : texts) {
    all.push_back(text.data());
  }
  all.push_back(nullptr);
  return all;
}

constexpr int kHeldPipe = 4096;

std::array<int, 2> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw std::runtime_error(std::string("pipe: ") + std::strerror(errno));
  }
  return ends;
}

}  // namespace

Running::Running(const Start& start) {
  const std::string program =
      start.program.empty() ? std::string(HEADROOM_BUILD_DIR "/headroom") : start.program.string();
  std::vector<std::string> words{program};
  words.insert(words.end(), start.arguments.begin(), start.arguments.end());
  std::vector<std::string> environment = environment_of(start);
  std::vector<char*> word_pointers = pointers(words);
  std::vector<char*> environment_pointers = pointers(environment);
  const std::string folder = start.folder.string();
  const auto out = make_pipe();
  const auto err = make_pipe();
  if (!start.hold_at.empty()) {
#ifdef F_SETPIPE_SZ
    ::fcntl(err[1], F_SETPIPE_SZ, kHeldPipe);
#endif
  }
  started_ = now();
  pid_ = ::fork();
  if (pid_ < 0) {
    throw std::runtime_error(std::string("fork: ") + std::strerror(errno));
  }
  if (pid_ == 0) {
    const int nothing = ::open("/dev/null", O_RDONLY);
    ::dup2(nothing, STDIN_FILENO);
    ::dup2(out[1], STDOUT_FILENO);
    ::dup2(err[1], STDERR_FILENO);
    if (!folder.empty() && ::chdir(folder.c_str()) != 0) {
      ::_exit(126);
    }
    ::execve(program.c_str(), word_pointers.data(), environment_pointers.data());
    ::_exit(127);
  }
  ::close(out[1]);
  ::close(err[1]);
  open_ = start.close_output ? 1 : 2;
  if (start.close_output) {
    ::close(out[0]);
  } else {
    readers_.emplace_back([this, end = out[0]] { read_all(end, out_, {}); });
  }
  readers_.emplace_back(
      [this, end = err[0], hold_at = start.hold_at] { read_all(end, err_, hold_at); });
}

Running::~Running() {
  if (!reaped_) {
    ::kill(pid_, SIGKILL);
    wait();
  }
}

void Running::read_all(int descriptor, std::string& into, const std::string& hold_at) {
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t got = ::read(descriptor, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) {
      continue;
    }
    std::unique_lock lock(mutex_);
    if (got <= 0) {
      --open_;
      changed_.notify_all();
      break;
    }
    into.append(buffer.data(), static_cast<std::size_t>(got));
    if (!hold_at.empty() && !held_ && into.find(hold_at) != std::string::npos) {
      held_ = true;
      changed_.notify_all();
      changed_.wait(lock, [this] { return let_go_; });
    }
  }
  ::close(descriptor);
}

bool Running::wait_until_held() {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::seconds(60), [&] { return held_ || open_ == 0; });
  return held_;
}

void Running::signal(int number) const { ::kill(pid_, number); }

Finished Running::wait() {
  {
    const std::lock_guard lock(mutex_);
    let_go_ = true;
  }
  changed_.notify_all();
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  reaped_ = true;
  const double seconds = now() - started_;
  for (std::thread& reader : readers_) {
    reader.join();
  }
  readers_.clear();
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), out_, err_, seconds};
}

Finished run(const Start& start) { return Running(start).wait(); }

}  // namespace headroom::test
