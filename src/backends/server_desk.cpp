#include "server_desk.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "base/errors.h"
#include "chat_reply.h"
#include "chat_request.h"

namespace headroom::backends {

namespace {

constexpr const char* kPart = "server";
constexpr Duration kLongestWait = std::chrono::seconds(1);
constexpr int kOk = 200;
constexpr int kNotFound = 404;
constexpr int kNotAllowed = 405;

worker::Answer answer_to(const ServerGroup& group, const ServerQuestion& question) {
  worker::Answer answer;
  answer.group = group.request().group;
  answer.id = group.item(question).id;
  return answer;
}

worker::Answer failed_answer(const ServerGroup& group,
                             const ServerQuestion& question,
                             const Failure& failure) {
  worker::Answer answer = answer_to(group, question);
  answer.outcome = failure.outcome;
  answer.error_code = failure.code;
  answer.error = failure.text;
  if (question.attempts > 1) {
    answer.error += fmt::format(" (attempt {})", question.attempts);
  }
  return answer;
}

/// The server's own times where it tells them, else what was seen from here.
worker::PhaseSeconds times_of(const ChatReply& reply, const http::Response& response) {
  worker::PhaseSeconds times;
  times.prefill = reply.prefill_seconds.value_or(seconds(response.first_byte));
  times.decode = reply.decode_seconds.value_or(
      seconds(response.took - std::min(response.first_byte, response.took)));
  return times;
}

worker::Answer answer_of(const ServerGroup& group,
                         const ServerQuestion& question,
                         ChatReply&& reply,
                         const http::Response& response) {
  worker::Answer answer = answer_to(group, question);
  const worker::AskItem& item = group.item(question);
  if (reply.text.empty() && (!reply.refusal.empty() || reply.finish == "content_filter")) {
    answer.outcome = Outcome::kModel;
    answer.error_code = "E-SERVER-REFUSED";
    answer.error = fmt::format("the server refuses to answer: {}",
                               reply.refusal.empty() ? "content filter" : reply.refusal);
    return answer;
  }
  answer.outcome = Outcome::kAnswered;
  answer.text = std::move(reply.text);
  answer.stopped = reply.finish != "length";
  answer.token_ids = std::move(reply.token_ids);
  answer.log_probs = std::move(reply.log_probs);
  answer.counted_tokens = reply.completion_tokens.value_or(0);
  answer.prompt_tokens = reply.prompt_tokens.value_or(0);
  answer.prefilled_tokens =
      answer.prompt_tokens - std::min(reply.cached_tokens.value_or(0), answer.prompt_tokens);
  answer.seconds = times_of(reply, response);
  if (item.want_prompt) {
    answer.prompt = shown_messages(item);
  }
  if (!answer.stopped) {
    answer.notices.emplace_back("cut off by the length limit");
  }
  if (answer.text.empty()) {
    answer.notices.emplace_back("empty answer");
  }
  if (question.attempts > 1) {
    answer.notices.push_back(fmt::format(
        "answered at attempt {}; before: {}", question.attempts, question.last_failure));
  }
  return answer;
}

/// Of a server that nobody else starts again.
bool is_lost(const Failure& failure) {
  return failure.code == "E-SERVER-UNREACHABLE" || failure.code == "E-SERVER-BROKEN";
}

/// Models that reason refuse `max_tokens`, and say what they take.
bool wants_other_name(const Failure& failure) {
  return failure.text.find("max_completion_tokens") != std::string::npos;
}

/// Signals are another thread's.
void block_signals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

std::vector<std::string> server_headers(const ServerOptions& options) {
  std::vector<std::string> headers = {"Content-Type: application/json",
                                      "Accept: application/json, text/event-stream"};
  if (!options.api_key.empty()) {
    headers.push_back("Authorization: Bearer " + options.api_key);
  }
  return headers;
}

std::string root_of(const std::string& endpoint) {
  return endpoint.ends_with("/v1") ? endpoint.substr(0, endpoint.size() - 3) : endpoint;
}

std::string without_key(std::string text, const ServerOptions& options) {
  if (options.api_key.empty()) {
    return text;
  }
  for (std::size_t at = text.find(options.api_key); at != std::string::npos;
       at = text.find(options.api_key, at)) {
    text.replace(at, options.api_key.size(), "***");
  }
  return text;
}

ServerDesk::ServerDesk(std::vector<Place> places,
                       std::string model,
                       const ServerOptions& options,
                       Clock& clock,
                       Log& log)
    : options_(options),
      clock_(clock),
      log_(log),
      model_(std::move(model)),
      loop_({options.ca_file}) {
  for (Place& place : places) {
    Endpoint& endpoint = endpoints_.emplace_back(
        std::move(place.endpoint), place.slots, options.pause, options.longest_pause);
    if (!place.there) {
      endpoint.missing(clock_.now());
    }
  }
  thread_ = std::thread([this] {
    block_signals();
    work();
  });
}

ServerDesk::~ServerDesk() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  loop_.wake();
  thread_.join();
}

std::uint32_t ServerDesk::slots() const {
  const std::lock_guard lock(mutex_);
  std::uint32_t slots = 0;
  for (const Endpoint& endpoint : endpoints_) {
    slots += endpoint.removed() ? 0 : endpoint.slots();
  }
  return slots;
}

void ServerDesk::add(Group group, bool in_front) {
  {
    const std::lock_guard lock(mutex_);
    if (given_up_ || group->settled()) {
      return;
    }
    if (in_front) {
      groups_.push_front(std::move(group));
    } else {
      groups_.push_back(std::move(group));
    }
  }
  loop_.wake();
}

std::optional<worker::Answer> ServerDesk::wait(ServerGroup& group,
                                               const std::atomic<bool>& stopped) {
  std::unique_lock lock(mutex_);
  while (true) {
    if (auto answer = group.take()) {
      return answer;
    }
    if (group.settled() || stopped) {
      return std::nullopt;
    }
    if (given_up_) {
      std::rethrow_exception(given_up_);
    }
    changed_.wait(lock);
  }
}

void ServerDesk::drop_all() {
  std::unique_lock lock(mutex_);
  groups_.clear();
  drop_ = true;
  loop_.wake();
  changed_.wait(lock, [this] { return !drop_; });
  given_up_ = nullptr;
  failures_ = 0;
  nobody_since_.reset();
}

void ServerDesk::interrupt() {
  {
    const std::lock_guard lock(mutex_);
  }  // whoever waits has looked, or will see it
  changed_.notify_all();
}

void ServerDesk::work() {
  bool ending = false;
  while (!ending) {
    try {
      Duration wait{0};
      {
        const std::lock_guard lock(mutex_);
        ending = ending_;
        wait = ending ? Duration(0) : work_once();
      }
      if (!ending) {
        loop_.run(wait);
      }
    } catch (...) {  // memory for another request, most likely
      const std::lock_guard lock(mutex_);
      given_up_ = std::current_exception();
      groups_.clear();
      changed_.notify_all();
    }
  }
  loop_.drop_all();
}

/// Returns how long nothing will have to be done.
Duration ServerDesk::work_once() {
  if (drop_ || given_up_) {
    loop_.drop_all();
    for (Endpoint& endpoint : endpoints_) {
      endpoint.drop();
    }
    drop_ = false;
    changed_.notify_all();
  }
  const TimePoint now = clock_.now();
  if (!groups_.empty()) {
    start_looks(now);
    start_questions(now);
    check_patience(now);
  }
  return time_to_wait(now);
}

std::optional<std::size_t> ServerDesk::free_endpoint(TimePoint now,
                                                     std::optional<std::size_t> except) {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < endpoints_.size(); ++i) {
    const bool better =
        !best || std::uint64_t{endpoints_[i].flying()} * endpoints_[*best].slots() <
                     std::uint64_t{endpoints_[*best].flying()} * endpoints_[i].slots();
    if (endpoints_[i].may_ask(now) && i != except && better) {
      best = i;
    }
  }
  if (!best && except && endpoints_[*except].may_ask(now)) {
    return except;
  }
  return best;
}

std::optional<std::size_t> ServerDesk::endpoint_for(const ServerGroup& group,
                                                    const ServerQuestion& question,
                                                    bool left_over,
                                                    TimePoint now) {
  if (question.failed_at || !group.endpoint) {
    return free_endpoint(now, question.failed_at);
  }
  const Endpoint& own = endpoints_[*group.endpoint];
  if (own.may_ask(now)) {
    return group.endpoint;
  }
  return own.up() && !left_over ? std::nullopt : free_endpoint(now, std::nullopt);
}

/// Each group one question at a time first; then, where slots are left, more of those whose
/// pictures are in the cache.
void ServerDesk::start_questions(TimePoint now) {
  for (const bool more : {false, true}) {
    const std::deque<Group> groups = groups_;  // what cannot be sent is settled, which takes it out
    for (const Group& group : groups) {
      const bool ready = more ? group->warm() || group->pictures().empty() : group->flying() == 0;
      for (bool started = ready; started;) {
        ServerQuestion* const question = group->next(now);
        const auto endpoint =
            question == nullptr ? std::nullopt : endpoint_for(*group, *question, more, now);
        started = endpoint.has_value() && more;
        if (endpoint) {
          start(group, *question, *endpoint);
        }
      }
    }
  }
}

void ServerDesk::start(const Group& group, ServerQuestion& question, std::size_t endpoint) {
  http::Request request;
  request.method = "POST";
  request.url = endpoints_[endpoint].address() + "/chat/completions";
  request.headers = server_headers(options_);
  request.connect_timeout = options_.connect_timeout;
  request.silence_timeout = options_.silence_timeout;
  request.most_bytes = options_.most_answer_bytes;
  const Duration whole = group->time_for_one();
  if (whole > Duration(0)) {
    request.timeout = std::max<Duration>(whole - question.spent, std::chrono::milliseconds(1));
  }
  try {
    question.limit = limit_;
    request.body = chat_request(model_, group->item(question), group->pictures(), limit_);
  } catch (const Error& error) {
    group->begin(question);
    settle(group,
           question,
           failed_answer(*group, question, {Outcome::kModel, error.code(), error.what(), {}, {}}));
    return;
  }
  group->begin(question);
  group->endpoint = endpoint;
  endpoints_[endpoint].begin();
  loop_.start(std::move(request), [this, group, &question, endpoint](http::Response&& response) {
    finish(group, question, endpoint, response);
  });
}

Duration ServerDesk::time_to_wait(TimePoint now) const {
  if (groups_.empty()) {
    return kLongestWait;  // `add` wakes
  }
  TimePoint next = now + kLongestWait;
  for (const Endpoint& endpoint : endpoints_) {
    next = std::min(next, endpoint.next_change(now));
  }
  for (const Group& group : groups_) {
    if (const TimePoint change = group->next_change(); change > now) {
      next = std::min(next, change);
    }
  }
  return std::max(next - now, Duration(0));
}

void ServerDesk::finish(const Group& group,
                        ServerQuestion& question,
                        std::size_t endpoint,
                        const http::Response& response) {
  std::optional<ServerFault> fault;
  std::optional<ChatReply> reply;
  if (response.end == http::End::kResponse && response.status == kOk) {
    auto read = read_reply(response.body);
    if (auto* const good = std::get_if<ChatReply>(&read)) {
      reply = std::move(*good);
    } else {
      fault = std::get<ServerFault>(std::move(read));
    }
  }
  const std::lock_guard lock(mutex_);
  endpoints_[endpoint].end();
  if (!reply) {
    fail(group, question, endpoint, judge(response, fault), response.took);
    return;
  }
  ++question.attempts;
  endpoints_[endpoint].answered();
  settle(group, question, answer_of(*group, question, std::move(*reply), response));
}

void ServerDesk::fail(const Group& group,
                      ServerQuestion& question,
                      std::size_t endpoint,
                      Failure failure,
                      Duration took) {
  failure.text =
      without_key(fmt::format("{}: {}", endpoints_[endpoint].address(), failure.text), options_);
  if (options_.child && is_lost(failure)) {
    group->reopen(question);
    give_up(kServerLost, failure.text);
    return;
  }
  if (question.limit == LimitName::kMaxTokens && wants_other_name(failure)) {
    limit_ = LimitName::kMaxCompletionTokens;
    group->reopen(question);
    return;
  }
  if (failure.next == Next::kWait) {
    group->reopen(question);
    note_missing(endpoint, failure.text);
    return;
  }
  if (failure.next == Next::kGiveUp) {
    group->reopen(question);
    take_out(endpoint, failure);
    return;
  }
  ++question.attempts;
  question.spent += took;
  question.failed_at = endpoint;
  question.last_failure = failure.text;
  if (failure.next == Next::kRetry) {
    try_again(group, question, endpoint, failure);
  } else if (options_.child && failure.outcome == Outcome::kTimeout) {
    ask_health(group, question, endpoint, failure);
  } else {
    settle(group, question, failed_answer(*group, question, failure));
  }
}

void ServerDesk::try_again(const Group& group,
                           ServerQuestion& question,
                           std::size_t endpoint,
                           const Failure& failure) {
  const TimePoint now = clock_.now();
  const bool others = std::any_of(endpoints_.begin(), endpoints_.end(), [&](const Endpoint& other) {
    return &other != &endpoints_[endpoint] && other.up();
  });
  if (endpoints_[endpoint].failed(now, others)) {
    log_.warning(kPart, fmt::format("{}; it is taken out and looked at again later", failure.text));
  }
  const Duration pause =
      std::max(failure.wait.value_or(Duration(0)), pause_after(question.attempts));
  const Duration whole = group->time_for_one();
  const bool late = whole > Duration(0) && question.spent + pause >= whole;
  if (question.attempts >= options_.attempts || late) {
    Failure last = failure;
    if (late && question.attempts < options_.attempts) {
      last.text += fmt::format("; waiting {:.1f} s more would exceed the question's {:.1f} s",
                               seconds(pause),
                               seconds(whole));
    }
    settle(group, question, failed_answer(*group, question, last));
    return;
  }
  if (failure.wait) {
    endpoints_[endpoint].be_quiet(now + *failure.wait);
  }
  log_.info(kPart,
            fmt::format("item '{}': {}; attempt {} in {:.1f} s",
                        group->item(question).id,
                        failure.text,
                        question.attempts + 1,
                        seconds(pause)));
  question.spent += pause;
  question.not_before = now + pause;
  group->reopen(question);
}

Duration ServerDesk::pause_after(int attempts) {
  constexpr int kMostDoublings = 16;
  const Duration base =
      std::min(options_.pause * (std::int64_t{1} << std::min(attempts - 1, kMostDoublings)),
               options_.longest_pause);
  std::uniform_real_distribution<double> spread(0.75, 1.25);
  return std::chrono::duration_cast<Duration>(base * spread(jitter_));
}

void ServerDesk::settle(const Group& group, ServerQuestion& question, worker::Answer&& answer) {
  if (answer.outcome == Outcome::kAnswered) {
    failures_ = 0;
  } else if (answer.outcome == Outcome::kServer) {
    ++failures_;
  }
  const std::string why = answer.error;
  group->settle(question, std::move(answer));
  if (group->settled()) {
    std::erase(groups_, group);
  }
  if (failures_ >= options_.failures_without_answer) {
    give_up("E-SERVER-GAVE-UP",
            fmt::format("{} questions in a row ended without an answer; the last: {}; look into "
                        "the server's log",
                        failures_,
                        why));
  }
  changed_.notify_all();
}

void ServerDesk::note_missing(std::size_t endpoint, const std::string& why) {
  last_words_ = why;
  if (endpoints_[endpoint].missing(clock_.now())) {
    log_.warning(kPart, fmt::format("{}; its questions wait, it is looked at again later", why));
  }
}

void ServerDesk::take_out(std::size_t endpoint, const Failure& failure) {
  endpoints_[endpoint].remove();
  const bool any = std::any_of(
      endpoints_.begin(), endpoints_.end(), [](const Endpoint& other) { return !other.removed(); });
  if (any) {
    log_.warning(kPart, fmt::format("{}; it is asked nothing more in this run", failure.text));
  } else {
    give_up(failure.code, failure.text);
  }
}

void ServerDesk::start_looks(TimePoint now) {
  for (std::size_t i = 0; i < endpoints_.size(); ++i) {
    if (!endpoints_[i].wants_look(now)) {
      continue;
    }
    endpoints_[i].begin_look();
    http::Request request;
    request.url = endpoints_[i].address() + "/models";
    request.headers = server_headers(options_);
    request.connect_timeout = options_.connect_timeout;
    request.timeout = options_.look_timeout;
    loop_.start(std::move(request),
                [this, i](http::Response&& response) { finish_look(i, response); });
  }
}

void ServerDesk::finish_look(std::size_t endpoint, const http::Response& response) {
  const std::lock_guard lock(mutex_);
  endpoints_[endpoint].end_look();
  const std::string& address = endpoints_[endpoint].address();
  const bool lists = response.end == http::End::kResponse && response.status == kOk;
  const bool silent = response.end == http::End::kResponse &&
                      (response.status == kNotFound || response.status == kNotAllowed);
  if (lists || silent) {
    try {
      if (lists) {
        identify(read_lenient(response.body), model_, address);
      }
      if (endpoints_[endpoint].found()) {
        log_.info(kPart, fmt::format("{}: it is there again", address));
      }
    } catch (const UsageError& error) {
      take_out(endpoint, {Outcome::kServer, error.code(), error.what(), Next::kGiveUp, {}});
    }
    return;
  }
  Failure failure = judge(response, std::nullopt);
  failure.text = without_key(fmt::format("{}: {}", address, failure.text), options_);
  if (failure.next == Next::kGiveUp) {
    take_out(endpoint, failure);
  } else {
    note_missing(endpoint, failure.text);
  }
}

void ServerDesk::ask_health(const Group& group,
                            ServerQuestion& question,
                            std::size_t endpoint,
                            const Failure& failure) {
  http::Request request;
  request.url = root_of(endpoints_[endpoint].address()) + "/health";
  request.headers = server_headers(options_);
  request.connect_timeout = options_.look_timeout;
  request.timeout = options_.look_timeout;
  loop_.start(
      std::move(request), [this, group, &question, failure](const http::Response& response) {
        const std::lock_guard lock(mutex_);
        if (response.status != 0) {  // slow, and alive
          settle(group, question, failed_answer(*group, question, failure));
          return;
        }
        group->reopen(question);
        give_up(kServerDeaf,
                fmt::format("item '{}': {}, and the server does not answer for its health either "
                            "({:.1f} s)",
                            group->item(question).id,
                            failure.text,
                            seconds(response.took)));
      });
}

void ServerDesk::check_patience(TimePoint now) {
  const bool any = std::any_of(
      endpoints_.begin(), endpoints_.end(), [](const Endpoint& endpoint) { return endpoint.up(); });
  if (any) {
    nobody_since_.reset();
    return;
  }
  nobody_since_ = nobody_since_.value_or(now);
  if (now - *nobody_since_ >= options_.patience && !given_up_) {
    give_up("E-SERVER-UNREACHABLE",
            fmt::format("{}; for {:.0f} s no endpoint was there; start the server again, then go "
                        "on with the run",
                        last_words_,
                        seconds(now - *nobody_since_)));
  }
}

void ServerDesk::give_up(const std::string& code, const std::string& why) {
  given_up_ = std::make_exception_ptr(BackendError(code, why));
  groups_.clear();
  changed_.notify_all();
}

}  // namespace headroom::backends
