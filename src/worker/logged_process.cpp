#include "worker/logged_process.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <mutex>
#include <thread>
#include <utility>

#include "log_tail.h"
#include "oom_watch.h"
#include "pipe_io.h"

namespace headroom::worker {

namespace {

constexpr std::size_t kReadSize = 1U << 16U;
/// Of what it prints, kept for wait_output.
constexpr std::size_t kMostKept = 1U << 16U;

}  // namespace

class LoggedProcess::Impl {
 public:
  Impl(const WorkerCommand& command, std::string part, Clock& clock, Log& log)
      : part_(std::move(part)), clock_(clock), log_(log), child_(command) {
    oom_.mark(child_.pid(), command.group);
    reader_ = std::thread([this] {
      sigset_t all;
      sigfillset(&all);
      pthread_sigmask(SIG_BLOCK, &all, nullptr);  // signals are another thread's
      read_all();
    });
  }

  ~Impl() {
    child_.kill();
    stop_reading();
  }

  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  pid_t pid() const { return child_.pid(); }

  bool alive() { return !child_.poll_exit(); }

  std::string last_log() const {
    const std::scoped_lock lock(mutex_);
    return tail_.text();
  }

  std::string wait_output(Duration limit, std::size_t most) {
    child_.close_input();
    if (!child_.wait_exit(limit, clock_)) {
      child_.kill();
    }
    stop_reading();
    const std::scoped_lock lock(mutex_);
    return kept_.substr(0, most);
  }

  WorkerEnd end(Duration grace) {
    WorkerEnd end;
    const std::optional<ExitState> state = child_.wait_exit(grace, clock_);
    if (state) {
      end.exit = *state;
    } else {
      end.cause = WorkerEnd::Cause::kHung;
      end.reason = "it served no more, and did not end";
      end.exit = child_.kill();
    }
    stop_reading();
    end.oom_kill = oom_.change();
    end.oom_readable = oom_.readable();
    const std::scoped_lock lock(mutex_);
    end.last_log = tail_.text();
    end.struck = struck_;
    return end;
  }

  ExitState finish(Duration grace) {
    child_.close_input();
    child_.strike(SIGTERM);
    const std::optional<ExitState> state = child_.wait_exit(grace, clock_);
    return state ? *state : child_.kill();
  }

  void strike(std::string reason) {
    const std::scoped_lock lock(mutex_);
    if (child_.strike()) {
      struck_ = std::move(reason);
    }
  }

 private:
  /// What is left in the pipes is read; a child of its own that holds them open is not waited for.
  void stop_reading() {
    if (reader_.joinable()) {
      stop_.wake();
      reader_.join();
    }
  }

  void read_all() {
    std::array<pollfd, 3> watched{{{child_.output(), POLLIN, 0},
                                   {child_.error(), POLLIN, 0},
                                   {stop_.descriptor(), POLLIN, 0}}};
    while (watched[0].fd >= 0 || watched[1].fd >= 0) {
      if (::poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR) {
        return;
      }
      bool moved = false;
      for (std::size_t i = 0; i < 2; ++i) {
        if (watched.at(i).fd >= 0 && watched.at(i).revents != 0) {
          moved = read_once(watched.at(i).fd) || moved;
        }
      }
      if (!moved && watched[2].revents != 0) {
        return;
      }
    }
  }

  /// Marks a pipe that has ended with -1. False: nothing was there.
  bool read_once(int& descriptor) {
    std::array<char, kReadSize> bytes;
    const ssize_t got = ::read(descriptor, bytes.data(), bytes.size());
    if (got > 0) {
      const std::string_view seen(bytes.data(), static_cast<std::size_t>(got));
      const std::scoped_lock lock(mutex_);
      kept_ += seen.substr(0, kMostKept - std::min(kMostKept, kept_.size()));
      tail_.append(seen, [this](const std::string& line) { log_.debug(part_.c_str(), line); });
      return true;
    }
    if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
      descriptor = -1;
    }
    return false;
  }

  std::string part_;
  Clock& clock_;
  Log& log_;
  ChildProcess child_;
  OomWatch oom_;
  WakePipe stop_;
  mutable std::mutex mutex_;  ///< of the following
  LogTail tail_;
  std::string kept_;
  std::string struck_;  ///< why it was killed from another thread
  std::thread reader_;
};

LoggedProcess::LoggedProcess(const WorkerCommand& command, std::string part, Clock& clock, Log& log)
    : impl_(std::make_unique<Impl>(command, std::move(part), clock, log)) {}

LoggedProcess::~LoggedProcess() = default;

pid_t LoggedProcess::pid() const { return impl_->pid(); }

bool LoggedProcess::alive() { return impl_->alive(); }

std::string LoggedProcess::last_log() const { return impl_->last_log(); }

std::string LoggedProcess::wait_output(Duration limit, std::size_t most) {
  return impl_->wait_output(limit, most);
}

WorkerEnd LoggedProcess::end(Duration grace) { return impl_->end(grace); }

ExitState LoggedProcess::finish(Duration grace) { return impl_->finish(grace); }

void LoggedProcess::strike(std::string reason) { impl_->strike(std::move(reason)); }

}  // namespace headroom::worker
