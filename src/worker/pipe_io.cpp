#include "pipe_io.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/errors.h"

namespace headroom::worker {

namespace {

/// Holds SIGPIPE back in this thread; one that our own write raised is taken before it is let in
/// again.
class PipeSignalGuard {
 public:
  PipeSignalGuard() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }

  ~PipeSignalGuard() {
    const int saved = errno;
    sigset_t pending;
    sigpending(&pending);
    if (!was_pending_ && sigismember(&pending, SIGPIPE) == 1) {
      int taken = 0;
      sigwait(&pipe_, &taken);
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    errno = saved;
  }

  PipeSignalGuard(const PipeSignalGuard&) = delete;
  PipeSignalGuard& operator=(const PipeSignalGuard&) = delete;

 private:
  sigset_t pipe_{};
  sigset_t before_{};
  bool was_pending_ = false;
};

}  // namespace

ssize_t write_quietly(int fd, std::string_view bytes) {
  const PipeSignalGuard guard;
  ssize_t put = -1;
  do {
    put = ::write(fd, bytes.data(), bytes.size());
  } while (put < 0 && errno == EINTR);
  return put;
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = write_quietly(fd, bytes);
    if (put >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(put));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      pollfd writable{fd, POLLOUT, 0};
      ::poll(&writable, 1, -1);
    } else {
      return false;
    }
  }
  return true;
}

PipeEnds make_pipe() {
  std::array<int, 2> raw{-1, -1};
  PipeEnds ends;
  if (::pipe(raw.data()) == 0) {
    // Above the standard ones, which a child's are put in place of.
    ends = {::fcntl(raw[0], F_DUPFD_CLOEXEC, 3), ::fcntl(raw[1], F_DUPFD_CLOEXEC, 3)};
    ::close(raw[0]);
    ::close(raw[1]);
  }
  if (ends.read < 0 || ends.write < 0) {
    const int error = errno;
    ::close(std::max(ends.read, ends.write));
    throw ResourceError("E-PIPE",
                        fmt::format("cannot make a pipe: {}; close some files or raise ulimit -n",
                                    std::strerror(error)));
  }
  return ends;
}

void set_nonblocking(int fd) { ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK); }

WakePipe::WakePipe() : ends_(make_pipe()) {
  set_nonblocking(ends_.read);
  set_nonblocking(ends_.write);
}

WakePipe::~WakePipe() {
  ::close(ends_.read);
  ::close(ends_.write);
}

void WakePipe::wake() const {
  const int saved = errno;
  // A full pipe wakes as well.
  [[maybe_unused]] const ssize_t put = ::write(ends_.write, "", 1);
  errno = saved;
}

void WakePipe::drain() const {
  std::array<char, 64> bytes;
  while (::read(ends_.read, bytes.data(), bytes.size()) > 0) {
  }
}

}  // namespace headroom::worker
