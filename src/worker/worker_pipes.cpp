#include "worker_pipes.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "pipe_io.h"

namespace headroom::worker {

namespace {

constexpr const char* kPart = "worker";
// How often a worker whose pipes somebody else holds open is looked at.
constexpr Duration kLookInterval = std::chrono::milliseconds(200);
// From the end of its output to the kill.
constexpr Duration kExitGrace = std::chrono::seconds(2);
constexpr std::size_t kReadSize = 1U << 16U;
// More than any pipe holds; a stranger that holds the pipe's end could write for ever.
constexpr int kLastReads = 64;

}  // namespace

WorkerPipes::WorkerPipes(const WorkerCommand& command, Clock& clock, Log& log)
    : clock_(clock), log_(log), group_(command.group), child_(command) {
  mark_oom();
}

void WorkerPipes::send(const std::string& line) {
  if (sent_ == outgoing_.size()) {
    outgoing_.clear();
    sent_ = 0;
  }
  outgoing_ += line;
  flush();
}

void WorkerPipes::pump(TimePoint until, const Interrupt* interrupt) {
  const bool open = !output_ended_;
  std::array<pollfd, 4> watched{{{open ? child_.output() : -1, POLLIN, 0},
                                 {error_ended_ ? -1 : child_.error(), POLLIN, 0},
                                 {backlog() > 0 ? child_.input() : -1, POLLOUT, 0},
                                 {interrupt != nullptr ? interrupt->descriptor() : -1, POLLIN, 0}}};
  const Duration left = std::clamp(until - clock_.now(), Duration(0), kLookInterval);
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(left);
  if (::poll(watched.data(), watched.size(), static_cast<int>(wait.count())) < 0) {
    return;  // EINTR; the caller looks at the time and comes again
  }
  if (watched[1].revents != 0) {
    read_error();
  }
  if (watched[0].revents != 0) {
    read_output();
  }
  if (watched[2].revents != 0) {
    flush();
  }
}

bool WorkerPipes::exhausted() {
  if (!output_ended_ && child_.poll_exit()) {
    // A child of its own may still hold the pipe: take what is there.
    for (int reads = 0; reads < kLastReads && read_output(); ++reads) {
    }
    output_ended_ = true;
  }
  return output_ended_;
}

bool WorkerPipes::alive() {
  read_error();
  return !output_ended_ && !child_.poll_exit();
}

WorkerEnd WorkerPipes::end(WorkerEnd::Cause cause, std::string reason) {
  WorkerEnd end;
  end.cause = cause;
  end.reason = std::move(reason);
  if (cause == WorkerEnd::Cause::kDied) {
    const std::optional<ExitState> state = child_.wait_exit(kExitGrace, clock_);
    if (state) {
      end.exit = *state;
    } else {
      end.cause = WorkerEnd::Cause::kProtocol;
      end.reason = "it closed its output and stayed";
    }
  }
  if (end.cause != WorkerEnd::Cause::kDied) {
    end.exit = child_.kill();
  }
  for (int reads = 0; reads < kLastReads && read_error(); ++reads) {
  }
  end.oom_kill = oom_.change();
  end.oom_readable = oom_.readable();
  end.last_log = tail_.text();
  const std::scoped_lock lock(striking_);
  end.struck = struck_;
  return end;
}

void WorkerPipes::strike(std::string reason) {
  const std::scoped_lock lock(striking_);
  if (child_.strike()) {
    struck_ = std::move(reason);
  }
}

std::optional<ExitState> WorkerPipes::finish(Duration grace) {
  child_.close_input();
  const TimePoint until = clock_.now() + grace;
  while (!child_.poll_exit() && clock_.now() < until && !output_ended_) {
    pump(until, nullptr);
    while (lines_.next()) {
    }
  }
  const std::optional<ExitState> state =
      child_.wait_exit(std::max(until - clock_.now(), Duration(0)), clock_);
  if (!state) {
    log_.warning(
        kPart,
        fmt::format("the worker did not end {:.1f} s after its input: killed", seconds(grace)));
    child_.kill();
  }
  return state;
}

void WorkerPipes::flush() {
  while (backlog() > 0) {
    const ssize_t put =
        child_.input() < 0
            ? -1
            : write_quietly(child_.input(), std::string_view(outgoing_).substr(sent_));
    if (put < 0) {
      if (errno != EAGAIN && errno != EWOULDBLOCK) {
        sent_ = outgoing_.size();  // nobody reads: its end shows on its output
      }
      return;
    }
    sent_ += static_cast<std::size_t>(put);
  }
}

bool WorkerPipes::read_output() {
  std::array<char, kReadSize> bytes;
  const ssize_t got = ::read(child_.output(), bytes.data(), bytes.size());
  if (got > 0) {
    lines_.append(std::string_view(bytes.data(), static_cast<std::size_t>(got)));
    return true;
  }
  output_ended_ =
      output_ended_ || got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
  return false;
}

bool WorkerPipes::read_error() {
  if (error_ended_) {
    return false;
  }
  std::array<char, kReadSize> bytes;
  const ssize_t got = ::read(child_.error(), bytes.data(), bytes.size());
  if (got <= 0) {
    error_ended_ = got == 0;
    return false;
  }
  tail_.append(std::string_view(bytes.data(), static_cast<std::size_t>(got)),
               [this](const std::string& line) { log_.debug(kPart, line); });
  return true;
}

}  // namespace headroom::worker
