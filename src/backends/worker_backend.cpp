#include "backends/worker_backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/errors.h"
#include "death.h"
#include "group_progress.h"
#include "wall_guard.h"
#include "worker/client.h"

namespace headroom::backends {

namespace {

using worker::Answer;
using worker::AskDone;
using worker::AskRequest;
using worker::CallLimits;
using worker::LoadRequest;
using worker::WorkerClient;
using worker::WorkerLost;

constexpr const char* kPart = "backend";
constexpr int kMostDoublings = 6;

using Sink = std::function<void(Answer&&)>;

/// A picture without a cost would count as one that costs nothing.
memory::Geometry geometry_of(const Json& json, const worker::PlanRequest& request) {
  memory::Geometry geometry = memory::geometry_from_json(json);
  if (geometry.pictures.size() != request.pictures.size()) {
    throw InputError("E-CONTRACT",
                     fmt::format("plan: the costs of {} pictures, {} were asked for",
                                 geometry.pictures.size(),
                                 request.pictures.size()));
  }
  return geometry;
}

}  // namespace

class WorkerBackend::Impl {
 public:
  Impl(WorkerBackend& owner,
       WorkerCommand command,
       WorkerOptions options,
       Clock& clock,
       Log& log,
       worker::Wall wall)
      : owner_(owner),
        command_(std::move(command)),
        options_(options),
        clock_(clock),
        log_(log),
        wall_(std::move(wall), log) {}

  ~Impl() {
    if (client_) {
      client_->finish(options_.end_grace);
    }
    lose_client();
  }

  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void cancel() { interrupt_.raise(); }

  int restarts() const { return restarts_; }

  WallGuard& wall() { return wall_; }

  const worker::Hello& hello() {
    throw_if_cancelled();
    with_worker([] {});
    return *hello_;
  }

  memory::Geometry plan(const worker::PlanRequest& request) {
    throw_if_cancelled();
    memory::Geometry geometry;
    with_worker([&] {
      geometry = call(
          "plan", to_json(request), interruptible(options_.plan_timeout), [&](const Json& json) {
            return geometry_of(json, request);
          });
    });
    return geometry;
  }

  worker::Loaded load(const LoadRequest& request) {
    throw_if_cancelled();
    load_request_ = request;
    loaded_.reset();
    try {
      with_loaded([] {});
    } catch (...) {
      load_request_.reset();
      throw;
    }
    return *loaded_;
  }

  void prepare(const AskRequest& request) {
    if (client_ && loaded_) {
      client_->notify("prepare", to_json(request));
    }
  }

  worker::Cleaned clean(worker::CleanLevel level) {
    worker::Cleaned cleaned;
    with_loaded([&] {
      cleaned = call("clean",
                     {{"level", std::string(to_string(level))}},
                     within(options_.request_timeout),
                     worker::from_json<worker::Cleaned>);
    });
    last_reading_ = cleaned.after;
    return cleaned;
  }

  memory::Reading reading() {
    with_loaded([&] {
      last_reading_ = call(
          "reading", Json::object(), within(options_.request_timeout), memory::reading_from_json);
    });
    return last_reading_;
  }

  worker::Unloaded unload() {
    load_request_.reset();
    worker::Unloaded unloaded;
    with_worker([&] {
      unloaded = call("unload",
                      Json::object(),
                      within(options_.request_timeout),
                      worker::from_json<worker::Unloaded>);
    });
    loaded_.reset();
    return unloaded;
  }

  worker::Verified verify(const worker::VerifyRequest& request) {
    throw_if_cancelled();
    worker::Verified verified;
    with_loaded([&] {
      verified = call("verify",
                      to_json(request),
                      interruptible(options_.verify_timeout),
                      worker::from_json<worker::Verified>);
    });
    return verified;
  }

  AskDone ask(const AskRequest& request, const Sink& sink);

 private:
  // ---- calls

  static CallLimits within(Duration timeout) { return {.total = timeout}; }

  CallLimits interruptible(Duration timeout) {
    return {.total = timeout, .interrupt = &interrupt_};
  }

  /// One request; a result that cannot be read ends the worker like garbage.
  template <typename Read>
  std::invoke_result_t<Read, const Json&> call(std::string_view method,
                                               Json params,
                                               const CallLimits& limits,
                                               Read read,
                                               const WorkerClient::Notified& notified = {}) {
    const Json result = client_->call(method, std::move(params), limits, notified);
    try {
      return read(result);
    } catch (const InputError& error) {
      client_->break_off(fmt::format("its result of {}: {}", method, error.what()));
    }
  }

  // ---- the worker's life

  /// Runs `request` on a worker that said hello, again on a new one after each death.
  template <typename Request>
  void with_worker(const Request& request) {
    retry([&] {
      start();
      request();
    });
  }

  /// The same, with what is to be loaded loaded.
  template <typename Request>
  void with_loaded(const Request& request) {
    retry([&] {
      start();
      load_again();
      request();
    });
  }

  template <typename Step>
  void retry(const Step& step) {
    for (int attempt = 1;; ++attempt) {
      try {
        step();
        return;
      } catch (const WorkerLost& lost) {
        const Death death = bury(lost.end());
        if (attempt >= options_.start_attempts) {
          throw BackendError(
              "E-WORKER-START",
              fmt::format("worker {} died {} times in a row while starting, loading or answering "
                          "a simple request; the last time: {}",
                          command_.program,
                          attempt,
                          death.evidence));
        }
        clock_.sleep(options_.restart_pause * (1 << std::min(attempt - 1, kMostDoublings)));
      } catch (const Cancelled&) {
        drop_after_cancel();
        throw;
      }
    }
  }

  void throw_if_cancelled() {
    if (interrupt_.raised()) {
      interrupt_.clear();
      throw Cancelled("cancelled");
    }
  }

  /// An interrupt that ended a call took the worker with it.
  void drop_after_cancel() {
    if (client_ && !client_->alive()) {
      lose_client();
    }
    interrupt_.clear();
  }

  void start() {
    if (client_ && !client_->alive()) {
      throw WorkerLost(client_->end());
    }
    if (client_) {
      return;
    }
    loaded_.reset();
    wall_.start(command_, [this](const WorkerCommand& command) {
      client_ = std::make_unique<WorkerClient>(command, clock_, log_);
      return WallGuard::Held{
          client_->pid(), [&client = *client_](std::string why) { client.strike(std::move(why)); }};
    });
    hello_ = call("hello",
                  {{"protocol", worker::kProtocolVersion}},
                  interruptible(options_.hello_timeout),
                  worker::from_json<worker::Hello>);
    last_reading_ = hello_->reading;
    if (hello_->protocol != worker::kProtocolVersion) {
      const int spoken = hello_->protocol;
      lose_client();
      throw BackendError("E-WORKER-VERSION",
                         fmt::format("worker {} speaks contract {}, this program speaks {}; "
                                     "install both from the same release",
                                     command_.program,
                                     spoken,
                                     worker::kProtocolVersion));
    }
  }

  void load_again() {
    if (!load_request_ || loaded_) {
      return;
    }
    loaded_ = call("load",
                   to_json(*load_request_),
                   interruptible(options_.load_timeout),
                   worker::from_json<worker::Loaded>);
    last_reading_ = loaded_->reading;
  }

  void lose_client() {
    wall_.release();
    client_.reset();
    loaded_.reset();
  }

  /// Takes note of a death and tells about it.
  Death bury(const worker::WorkerEnd& end) {
    const std::optional<Death::AtWall> at_wall = wall_.at_wall();
    lose_client();
    ++restarts_;
    Death death = classify(end, last_reading_, at_wall);
    log_.warning(kPart,
                 fmt::format("the worker died ({}): {}", to_string(death.kind), death.evidence));
    if (owner_.on_death) {
      owner_.on_death(death);
    }
    return death;
  }

  class GroupAsk;

  WorkerBackend& owner_;
  WorkerCommand command_;
  WorkerOptions options_;
  Clock& clock_;
  Log& log_;
  worker::Interrupt interrupt_;
  WallGuard wall_;
  std::unique_ptr<WorkerClient> client_;
  std::optional<worker::Hello> hello_;
  std::optional<LoadRequest> load_request_;  ///< what a new worker must load
  std::optional<worker::Loaded> loaded_;     ///< what this one has loaded
  memory::Reading last_reading_;
  int restarts_ = 0;
  int deaths_without_answer_ = 0;
};

/// The asking of one group over as many workers as it takes.
class WorkerBackend::Impl::GroupAsk {
 public:
  GroupAsk(Impl& backend, const AskRequest& request, const Sink& sink)
      : backend_(backend),
        request_(request),
        sink_(sink),
        progress_(request, backend.options_.deaths_per_item) {
    done_.group = request.group;
  }

  AskDone run() {
    while (!progress_.done()) {
      backend_.with_loaded([] {});
      attempt();
      if (sink_error_) {
        std::rethrow_exception(sink_error_);
      }
      backend_.throw_if_cancelled();
    }
    if (!done_.reading.active && !done_.reading.worker_footprint) {
      done_.reading = backend_.last_reading_;
    }
    return done_;
  }

 private:
  /// Asks what is left, once. Afterwards something was settled, or the worker died.
  void attempt() {
    skipped_.clear();
    done_.held = {};  // of a worker that died nothing is held
    AskRequest part = progress_.next();
    CallLimits limits{.silence = backend_.options_.silence_timeout,
                      .cancel_grace = backend_.options_.cancel_grace,
                      .interrupt = &backend_.interrupt_};
    if (request_.limits.deadline_seconds > 0) {
      const double left = request_.limits.deadline_seconds - seconds(asked_);
      if (left <= 0) {
        settle_late(part, std::nullopt, "");
        return;
      }
      part.limits.deadline_seconds = left;
      limits.total = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(left)) +
                     backend_.options_.deadline_slack;
    }
    const TimePoint begun = backend_.clock_.now();
    try {
      const AskDone done = backend_.call(
          "ask",
          to_json(part),
          limits,
          worker::from_json<AskDone>,
          [this](const std::string& method, const Json& params) { return hear(method, params); });
      done_.reading = done.reading;
      done_.walked_peak = std::max(done_.walked_peak, done.walked_peak);
      done_.held = done.held;
      take_skipped(part);
      if (sink_error_ || backend_.interrupt_.raised()) {
        return;
      }
      settle(progress_.fail_rest_of(part,
                                    Outcome::kModel,
                                    "E-WORKER-SILENT",
                                    "the worker ended its group without answering this item"));
    } catch (const WorkerLost& lost) {
      asked_ += backend_.clock_.now() - begun;
      died(lost);
      return;
    } catch (const Error& error) {
      failed(part, error);
    }
    asked_ += backend_.clock_.now() - begun;
  }

  /// A notification of the worker. False: stop.
  bool hear(const std::string& method, const Json& params) {
    if (method == "answer") {
      take(worker::from_json<Answer>(params));
    } else if (method == "reading") {
      const auto busy = worker::from_json<worker::BusyReading>(params);
      backend_.last_reading_ = busy.reading;
      if (backend_.owner_.on_reading) {
        backend_.owner_.on_reading(busy);
      }
    } else if (method == "event") {
      backend_.log_.info("worker", dump_json(params).substr(0, kShownEvent));
    }
    return !sink_error_;
  }

  void take(Answer&& answer) {
    if (answer.outcome == Outcome::kSkipped) {
      skipped_.push_back(std::move(answer));  // by whose will shows at the end
      return;
    }
    if (!progress_.accept(answer)) {
      backend_.log_.warning(
          kPart,
          fmt::format("passed over an answer that nobody asked for or that came twice: group '{}', "
                      "item '{}'; the worker has a fault",
                      answer.group.substr(0, kShownId),
                      answer.id.substr(0, kShownId)));
      return;
    }
    backend_.deaths_without_answer_ = 0;
    backend_.last_reading_ = answer.after;
    if (progress_.careful()) {
      answer.rung += answer.rung.empty() ? "" : ", ";
      answer.rung += "one by one after a worker's death" + rung_;
    }
    give(std::move(answer));
  }

  /// What a worker that was told to stop leaves undone is not settled: after a cancel it is still
  /// to be asked, after a deadline it ran out of time.
  void take_skipped(const AskRequest& part) {
    std::vector<Answer> skipped = std::exchange(skipped_, {});
    if (skipped.empty() || sink_error_ || backend_.interrupt_.raised()) {
      return;
    }
    if (const auto& overrun = backend_.client_->last_overrun()) {
      settle_late(part, overrun, "");
      return;
    }
    for (Answer& answer : skipped) {
      if (progress_.accept(answer)) {
        give(std::move(answer));
      }
    }
  }

  void give(Answer&& answer) {
    if (sink_error_) {
      return;  // the group is being stopped
    }
    ++(answer.outcome == Outcome::kAnswered ? done_.answered : done_.failed);
    try {
      sink_(std::move(answer));
    } catch (...) {
      sink_error_ = std::current_exception();
    }
  }

  void settle(std::vector<Answer> answers) {
    for (Answer& answer : answers) {
      give(std::move(answer));
    }
  }

  /// The worker lives and reports that the group as a whole failed.
  void failed(const AskRequest& part, const Error& error) {
    const bool cancelled = dynamic_cast<const Cancelled*>(&error) != nullptr;
    if (sink_error_ || (cancelled && backend_.interrupt_.raised())) {
      return;
    }
    if (const auto& overrun = backend_.client_->last_overrun(); cancelled && overrun) {
      settle_late(part, overrun, error.what());
      return;
    }
    const Outcome outcome = dynamic_cast<const BudgetError*>(&error) != nullptr ? Outcome::kMemory
                            : error.code().starts_with("E-IMG")                 ? Outcome::kImage
                                                                                : Outcome::kModel;
    settle(progress_.fail_rest_of(part, outcome, error.code(), error.what()));
  }

  /// After a silence, which is this attempt's, what it asked has had its time; after the group's
  /// deadline (`overrun` empty: seen from here, before asking) everything has.
  void settle_late(const AskRequest& part,
                   const std::optional<worker::Overrun>& overrun,
                   const std::string& words) {
    const bool silent = overrun && overrun->limit == worker::Overrun::Limit::kSilence;
    const std::string text = fmt::format(
        "{} before this item was answered{}{}",
        silent ? fmt::format("the worker was asked to stop: {}", overrun->words)
               : fmt::format("the group's {:.1f} s were over", request_.limits.deadline_seconds),
        words.empty() ? "" : ": ",
        words);
    settle(silent ? progress_.fail_rest_of(part, Outcome::kTimeout, "E-TIMEOUT", text)
                  : progress_.fail_rest(Outcome::kTimeout, "E-TIMEOUT", text));
  }

  void died(const WorkerLost& lost) {
    const bool stopping = sink_error_ || backend_.interrupt_.raised();
    const Death death = backend_.bury(lost.end());
    if (stopping || progress_.done()) {
      return;
    }
    settle(progress_.on_death(death));
    reduce(death);
    if (++backend_.deaths_without_answer_ < backend_.options_.deaths_without_answer) {
      return;
    }
    throw BackendError(
        "E-WORKER-GAVE-UP",
        fmt::format("worker {} died {} times in a row without an answer in between; the last "
                    "time: {}; look into its log, or try a smaller model or picture size",
                    backend_.command_.program,
                    backend_.deaths_without_answer_,
                    death.evidence));
  }

  void reduce(const Death& death) {
    if (progress_.done() || !backend_.owner_.limits_after_death) {
      return;
    }
    const AfterDeath after = backend_.owner_.limits_after_death(death, progress_.limits());
    if (!after.refused.empty()) {
      settle(progress_.fail_rest(Outcome::kMemory, "E-MEM-GROUP", after.refused));
      return;
    }
    progress_.set_limits(after.limits);
    rung_ = after.rung.empty() ? "" : ", " + after.rung;
  }

  static constexpr std::size_t kShownEvent = 500;
  static constexpr std::size_t kShownId = 80;

  Impl& backend_;
  const AskRequest& request_;
  const Sink& sink_;
  GroupProgress progress_;
  AskDone done_;
  std::string rung_;             ///< what deaths have reduced
  Duration asked_{0};            ///< time spent asking, without starts and loads
  std::vector<Answer> skipped_;  ///< in this attempt
  std::exception_ptr sink_error_;
};

AskDone WorkerBackend::Impl::ask(const AskRequest& request, const Sink& sink) {
  throw_if_cancelled();
  return GroupAsk(*this, request, sink).run();
}

// ---- WorkerBackend

WorkerBackend::WorkerBackend(
    WorkerCommand command, WorkerOptions options, Clock& clock, Log& log, worker::Wall wall)
    : impl_(std::make_unique<Impl>(
          *this, std::move(command), options, clock, log, std::move(wall))) {}

WorkerBackend::~WorkerBackend() = default;

const worker::Hello& WorkerBackend::hello() { return impl_->hello(); }

memory::Geometry WorkerBackend::plan(const worker::PlanRequest& request) {
  return impl_->plan(request);
}

worker::Loaded WorkerBackend::load(const worker::LoadRequest& request) {
  return impl_->load(request);
}

void WorkerBackend::prepare(const AskRequest& request) { impl_->prepare(request); }

AskDone WorkerBackend::ask(const AskRequest& request, const Sink& sink) {
  return impl_->ask(request, sink);
}

worker::Cleaned WorkerBackend::clean(worker::CleanLevel level) { return impl_->clean(level); }

memory::Reading WorkerBackend::reading() { return impl_->reading(); }

worker::Unloaded WorkerBackend::unload() { return impl_->unload(); }

worker::Verified WorkerBackend::verify(const worker::VerifyRequest& request) {
  return impl_->verify(request);
}

void WorkerBackend::cancel() { impl_->cancel(); }

int WorkerBackend::restarts() const { return impl_->restarts(); }

std::string WorkerBackend::wall() const { return impl_->wall().text(); }

void WorkerBackend::set_wall(Bytes limit) { impl_->wall().set_limit(limit); }

void WorkerBackend::look(const memory::Reading& now) { impl_->wall().look(now); }

}  // namespace headroom::backends
