#include "worker/client.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/printable.h"
#include "line_buffer.h"
#include "pipe_io.h"
#include "remote_error.h"
#include "rpc.h"
#include "worker_pipes.h"

namespace headroom::worker {

namespace {

constexpr std::size_t kMaxBacklog = std::size_t{64} << 20U;
constexpr std::size_t kShownLine = 160;

/// A longer line would be skipped by its reader, who cannot even say which request it was.
bool fits(const std::string& line) { return line.size() - 1 <= kMaxLine; }

std::string describe(const WorkerEnd& end) {
  std::string text = end.cause == WorkerEnd::Cause::kDied
                         ? fmt::format("the worker ended with {}", to_string(end.exit))
                         : fmt::format("the worker was killed: {}", end.reason);
  if (!end.last_log.empty()) {
    text += fmt::format("; its last words: {}", end.last_log);
  }
  return text;
}

/// The times after which a call is cancelled or its worker killed.
class CallWatch {
 public:
  CallWatch(const CallLimits& limits, TimePoint now) : limits_(limits), begun_(now), heard_(now) {}

  void heard(TimePoint now) { heard_ = now; }

  bool cancelling() const { return cancelled_.has_value(); }

  void cancel(TimePoint now) {
    if (!cancelled_) {
      cancelled_ = now;
    }
  }

  /// When something must be done at the latest.
  TimePoint next(TimePoint now) const {
    TimePoint at = now + std::chrono::hours(1);
    if (cancelled_) {
      return std::min(at, *cancelled_ + limits_.cancel_grace.value_or(Duration(0)));
    }
    if (limits_.total) {
      at = std::min(at, begun_ + *limits_.total);
    }
    if (limits_.silence) {
      at = std::min(at, heard_ + *limits_.silence);
    }
    return at;
  }

  /// What has passed.
  std::optional<Overrun> overrun(TimePoint now) const {
    if (limits_.total && now >= begun_ + *limits_.total) {
      return Overrun{Overrun::Limit::kTotal,
                     fmt::format("no result within {:.1f} s", seconds(*limits_.total))};
    }
    if (limits_.silence && now >= heard_ + *limits_.silence) {
      return Overrun{Overrun::Limit::kSilence,
                     fmt::format("not a word for {:.1f} s", seconds(*limits_.silence))};
    }
    return std::nullopt;
  }

  bool grace_passed(TimePoint now) const {
    return cancelled_ && now >= *cancelled_ + limits_.cancel_grace.value_or(Duration(0));
  }

 private:
  const CallLimits& limits_;
  TimePoint begun_;
  TimePoint heard_;
  std::optional<TimePoint> cancelled_;
};

}  // namespace

class Interrupt::Pipe : public WakePipe {};

Interrupt::Interrupt() : pipe_(std::make_unique<Pipe>()) {}

Interrupt::~Interrupt() = default;

void Interrupt::raise() {
  raised_.store(true);
  pipe_->wake();
}

void Interrupt::clear() {
  raised_.store(false);
  pipe_->drain();
}

int Interrupt::descriptor() const { return pipe_->descriptor(); }

WorkerLost::WorkerLost(WorkerEnd end)
    : BackendError("E-WORKER-LOST", describe(end)), end_(std::move(end)) {}

/// One request, from its sending to its response.
class WorkerClient::Call {
 public:
  Call(WorkerPipes& pipes,
       std::int64_t id,
       std::string_view method,
       const CallLimits& limits,
       const Notified& notified)
      : pipes_(pipes),
        id_(id),
        method_(method),
        limits_(limits),
        notified_(notified),
        watch_(limits, pipes.clock().now()) {}

  const std::optional<Overrun>& overrun() const { return overrun_; }

  Json wait() {
    while (true) {
      const bool last = pipes_.exhausted();
      while (std::optional<LineBuffer::Line> line = pipes_.next_line()) {
        if (receive(*line)) {
          return finish();
        }
      }
      if (last) {
        throw WorkerLost(pipes_.end(WorkerEnd::Cause::kDied, {}));
      }
      const TimePoint now = pipes_.clock().now();
      keep_limits(now);
      pipes_.pump(watch_.next(now), watch_.cancelling() ? nullptr : limits_.interrupt);
    }
  }

 private:
  /// True: that was the response.
  bool receive(const LineBuffer::Line& line) {
    try {
      if (line.too_long) {
        throw InputError("E-CONTRACT", fmt::format("a line of more than {} bytes", kMaxLine));
      }
      Json message = parse_message(line.text, "message");
      const bool response = message.is_object() && !message.contains("method");
      if (response) {
        take_response(message);
      } else {
        take_notification(message);
      }
      return response;
    } catch (const InputError& error) {
      throw WorkerLost(
          pipes_.end(WorkerEnd::Cause::kProtocol,
                     fmt::format("it wrote what is not of the contract: {}: {}",
                                 error.what(),
                                 printable(std::string_view(line.text).substr(0, kShownLine)))));
    }
  }

  void take_response(Json& message) {
    const auto id = message.find("id");
    if (id == message.end() || *id != id_) {
      throw InputError("E-CONTRACT", fmt::format("a response to another request than {}", id_));
    }
    if (const auto error = message.find("error"); error != message.end()) {
      const auto data = error->is_object() ? error->find("data") : error->end();
      error_ = from_json<RemoteError>(data != error->end() ? *data : Json());
    } else if (const auto result = message.find("result"); result != message.end()) {
      result_ = std::move(*result);
    } else {
      throw InputError("E-CONTRACT", "a response without 'result' and 'error'");
    }
  }

  void take_notification(const Json& message) {
    if (!message.is_object() || !message["method"].is_string()) {
      throw InputError("E-CONTRACT", "neither a response nor a notification");
    }
    watch_.heard(pipes_.clock().now());
    const auto params = message.find("params");
    const bool go_on = !notified_ || notified_(message["method"].get<std::string>(),
                                               params == message.end() ? Json::object() : *params);
    if (!go_on) {
      cancel();
    }
  }

  Json finish() {
    if (error_) {
      throw_remote(*error_);
    }
    return std::move(result_);
  }

  void cancel() {
    if (!watch_.cancelling()) {
      pipes_.send(notification_line("cancel", Json::object()));
      watch_.cancel(pipes_.clock().now());
    }
  }

  void keep_limits(TimePoint now) {
    if (watch_.cancelling()) {
      if (watch_.grace_passed(now)) {
        hung(fmt::format("{}, and deaf to cancel for {:.1f} s",
                         overrun_ ? overrun_->words : "cancelled",
                         seconds(limits_.cancel_grace.value_or(Duration(0)))));
      }
      return;
    }
    overrun_ = watch_.overrun(now);
    const bool interrupted = limits_.interrupt != nullptr && limits_.interrupt->raised();
    if (limits_.cancel_grace) {
      if (interrupted || overrun_) {
        cancel();
      }
    } else if (overrun_) {
      hung(overrun_->words);
    } else if (interrupted) {
      pipes_.end(WorkerEnd::Cause::kHung, "interrupted");
      throw Cancelled(fmt::format("{} was interrupted", method_));
    }
  }

  [[noreturn]] void hung(const std::string& what) {
    throw WorkerLost(pipes_.end(WorkerEnd::Cause::kHung, fmt::format("{}: {}", method_, what)));
  }

  WorkerPipes& pipes_;
  std::int64_t id_;
  std::string method_;
  const CallLimits& limits_;
  const Notified& notified_;
  CallWatch watch_;
  std::optional<Overrun> overrun_;
  std::optional<RemoteError> error_;
  Json result_;
};

WorkerClient::WorkerClient(const WorkerCommand& command, Clock& clock, Log& log)
    : pipes_(std::make_unique<WorkerPipes>(command, clock, log)) {}

WorkerClient::~WorkerClient() = default;

pid_t WorkerClient::pid() const { return pipes_->pid(); }

bool WorkerClient::alive() { return pipes_->alive(); }

WorkerEnd WorkerClient::end() { return pipes_->end(WorkerEnd::Cause::kDied, {}); }

std::optional<ExitState> WorkerClient::finish(Duration grace) { return pipes_->finish(grace); }

void WorkerClient::strike(std::string reason) { pipes_->strike(std::move(reason)); }

void WorkerClient::break_off(const std::string& reason) {
  throw WorkerLost(pipes_->end(WorkerEnd::Cause::kProtocol, reason));
}

void WorkerClient::notify(std::string_view method, Json params) {
  const std::string line = notification_line(method, std::move(params));
  if (fits(line) && pipes_->backlog() <= kMaxBacklog) {
    pipes_->send(line);
  }
}

Json WorkerClient::call(std::string_view method,
                        Json params,
                        const CallLimits& limits,
                        const Notified& notified) {
  overrun_.reset();
  const std::int64_t id = ++last_id_;
  const std::string line = request_line(id, method, std::move(params));
  if (!fits(line)) {
    throw InputError("E-IMG-TOO-LARGE",
                     fmt::format("the request '{}' takes {} bytes with its pictures in it, a "
                                 "message to a worker holds {}; name the pictures' files in the "
                                 "data, or embed smaller ones",
                                 method,
                                 line.size() - 1,
                                 kMaxLine));
  }
  pipes_->mark_oom();
  pipes_->send(line);
  Call call(*pipes_, id, method, limits, notified);
  try {
    Json result = call.wait();
    overrun_ = call.overrun();
    return result;
  } catch (...) {
    overrun_ = call.overrun();
    throw;
  }
}

}  // namespace headroom::worker
