#include "signals.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/errors.h"

namespace headroom::cli {

namespace {

/// A handler can reach nothing but statics: the pipe's end of the one watch.
std::atomic<int> handler_pipe{-1};  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)

extern "C" void headroom_on_signal(int signal) {
  const int saved = errno;
  const int pipe = handler_pipe.load();
  const auto byte = static_cast<unsigned char>(signal);
  if (pipe >= 0) {
    [[maybe_unused]] const ssize_t put = ::write(pipe, &byte, 1);
  }
  errno = saved;
}

void set_handler(int signal, void (*handler)(int)) {
  struct sigaction action{};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

SignalWatch::SignalWatch(std::function<void(int signal)> on_first)
    : on_first_(std::move(on_first)) {
  if (::pipe(pipe_) != 0) {
    throw ResourceError("E-PIPE", std::string("cannot watch for signals: ") + std::strerror(errno));
  }
  for (const int end : pipe_) {
    ::fcntl(end, F_SETFD, FD_CLOEXEC);
  }
  handler_pipe = pipe_[1];
  thread_ = std::thread([this] { watch(); });
  set_handler(SIGINT, &headroom_on_signal);
  set_handler(SIGTERM, &headroom_on_signal);
}

SignalWatch::~SignalWatch() {
  set_handler(SIGINT, SIG_DFL);
  set_handler(SIGTERM, SIG_DFL);
  handler_pipe = -1;
  ::close(pipe_[1]);
  thread_.join();
  ::close(pipe_[0]);
}

void SignalWatch::watch() {
  unsigned char byte = 0;
  for (;;) {
    const ssize_t got = ::read(pipe_[0], &byte, 1);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      return;
    }
    int none = 0;
    if (!caught_.compare_exchange_strong(none, byte)) {
      ::_exit(128 + byte);
    }
    on_first_(byte);
  }
}

}  // namespace headroom::cli
