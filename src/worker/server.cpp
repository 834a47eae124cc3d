#include "worker/server.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/errors.h"
#include "line_buffer.h"
#include "pipe_io.h"
#include "remote_error.h"
#include "rpc.h"

namespace headroom::worker {

namespace {

constexpr int kStuckStatus = 70;
constexpr std::size_t kMaxWaiting = 1024;
constexpr const char* kPart = "worker";

/// One request, read and not yet answered.
struct Request {
  Json id;
  std::string method;
  Json params;
  /// Of an ask: from when it is read, so that no cancel comes too early for it.
  std::shared_ptr<CancelToken> token;
};

/// Lines out, whole and one at a time, from both threads.
class Output {
 public:
  explicit Output(int fd) : fd_(fd) {}

  /// False, now and from now on, when nobody reads.
  bool send(const std::string& line) {
    const std::lock_guard lock(mutex_);
    open_ = open_ && write_all(fd_, line);
    return open_;
  }

 private:
  std::mutex mutex_;
  int fd_;
  bool open_ = true;
};

class Server {
 public:
  Server(Engine& engine, int in, int out, Log& log, const ServeOptions& options)
      : engine_(engine), in_(in), output_(out), log_(log), options_(options) {}

  int run() {
    std::thread reader([this] { read_input(); });
    while (std::optional<Request> request = next_request()) {
      answer(*request);
    }
    {
      const std::lock_guard lock(mutex_);
      finished_ = true;
    }
    changed_.notify_all();
    wake_.wake();
    reader.join();
    return 0;
  }

 private:
  // ---- reading thread

  void read_input() {
    try {
      read_lines();
    } catch (...) {
      log_.error(kPart, "input: " + to_remote(std::current_exception()).message);
    }
    end_of_input();
  }

  void read_lines() {
    LineBuffer lines;
    std::array<char, 65536> bytes;
    while (wait_input()) {
      const ssize_t got = ::read(in_, bytes.data(), bytes.size());
      if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
        continue;
      }
      if (got <= 0) {
        break;
      }
      lines.append(std::string_view(bytes.data(), static_cast<std::size_t>(got)));
      while (std::optional<LineBuffer::Line> line = lines.next()) {
        receive(*line);
      }
    }
  }

  /// False when the server is finished.
  bool wait_input() {
    std::array<pollfd, 2> watched{{{in_, POLLIN, 0}, {wake_.descriptor(), POLLIN, 0}}};
    while (::poll(watched.data(), watched.size(), -1) < 0) {
      if (errno != EINTR) {
        return false;
      }
    }
    return watched[1].revents == 0;
  }

  /// Whatever a line holds, the worst is an error response.
  void receive(const LineBuffer::Line& line) {
    Json id;
    try {
      if (line.too_long) {
        throw InputError("E-CONTRACT",
                         fmt::format("a line is longer than the limit of {} bytes", kMaxLine));
      }
      Json message = parse_message(line.text, "message");
      if (!message.is_object()) {
        refuse(Json(), RpcCode::kInvalidRequest, "a message must be a JSON object");
        return;
      }
      if (const auto found = message.find("id"); found != message.end()) {
        id = *found;
      }
      dispatch(id, message);
    } catch (const InputError& error) {
      refuse(id, RpcCode::kParse, error.what());
    } catch (...) {
      send(error_line(id, RpcCode::kFailed, to_remote(std::current_exception())));
    }
  }

  void dispatch(const Json& id, Json& message) {
    const auto method = message.find("method");
    if (method == message.end() || !method->is_string()) {
      refuse(id, RpcCode::kInvalidRequest, "a request needs a 'method' that is a text");
      return;
    }
    if (!id.is_null() && !id.is_string() && !id.is_number()) {
      refuse(Json(), RpcCode::kInvalidRequest, "an 'id' must be a number or a text");
      return;
    }
    Request request{id, method->get<std::string>(), Json::object(), nullptr};
    if (const auto params = message.find("params"); params != message.end()) {
      request.params = std::move(*params);
    }
    if (request.method == "cancel") {
      cancel(request);
    } else if (request.method == "prepare") {
      prepare(request);
    } else if (id.is_null()) {
      log_.warning(kPart,
                   fmt::format("'{}' came as a notification and was passed over: give it an id",
                               request.method.substr(0, 80)));
    } else {
      enqueue(std::move(request));
    }
  }

  void cancel(const Request& request) {
    const std::string group = request.params.is_object() && request.params.contains("group") &&
                                      request.params["group"].is_string()
                                  ? request.params["group"].get<std::string>()
                                  : std::string();
    const std::size_t count = cancel_asks(group);
    if (!request.id.is_null()) {
      send(result_line(request.id, {{"cancelled", count}}));
    }
  }

  void prepare(const Request& request) {
    try {
      engine_.prepare(from_json<AskRequest>(request.params));
    } catch (...) {
      // The ask that follows meets the same trouble and reports it with its item.
      log_.debug(kPart, fmt::format("prepare: {}", to_remote(std::current_exception()).message));
    }
    if (!request.id.is_null()) {
      send(result_line(request.id, Json::object()));
    }
  }

  void enqueue(Request request) {
    if (request.method == "ask") {
      request.token = std::make_shared<CancelToken>();
    }
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.size() < kMaxWaiting) {
        waiting_.push_back(std::move(request));
        changed_.notify_all();
        return;
      }
    }
    refuse(request.id,
           RpcCode::kInvalidRequest,
           fmt::format("{} requests are waiting already; read the answers first", kMaxWaiting));
  }

  /// Cancels the asks of one group, or all, running and waiting; returns how many.
  std::size_t cancel_asks(const std::string& group) {
    const std::lock_guard lock(mutex_);
    std::size_t count = 0;
    const auto cancel_one = [&](const std::shared_ptr<CancelToken>& token, const Json& params) {
      const bool wanted =
          token != nullptr && (group.empty() || (params.is_object() && params.contains("group") &&
                                                 params["group"] == group));
      if (wanted) {
        token->cancel();
        ++count;
      }
    };
    cancel_one(running_, running_group_);
    for (const Request& request : waiting_) {
      cancel_one(request.token, request.params);
    }
    return count;
  }

  void end_of_input() {
    cancel_asks("");
    std::unique_lock lock(mutex_);
    ended_ = true;
    changed_.notify_all();
    const auto finished = [this] { return finished_; };
    if (options_.end_grace == Duration(0)) {
      changed_.wait(lock, finished);
    } else if (!changed_.wait_for(lock, options_.end_grace, finished)) {
      log_.error(kPart,
                 fmt::format("the engine did not come back within {:.1f} s after the end of input: "
                             "ending the process",
                             seconds(options_.end_grace)));
      ::_exit(kStuckStatus);
    }
  }

  // ---- engine thread

  /// Waits for one; nothing after the end.
  std::optional<Request> next_request() {
    std::unique_lock lock(mutex_);
    running_.reset();
    changed_.wait(lock, [this] { return ended_ || broken_ || !waiting_.empty(); });
    if (broken_ || waiting_.empty()) {
      return std::nullopt;
    }
    Request request = std::move(waiting_.front());
    waiting_.pop_front();
    running_ = request.token;
    running_group_ = Json::object();
    if (running_ && request.params.is_object() && request.params.contains("group")) {
      running_group_["group"] = request.params["group"];
    }
    return request;
  }

  void answer(const Request& request) {
    try {
      Json result = call(request);
      std::string line = result_line(request.id, std::move(result));
      if (line.size() > kMaxLine) {
        throw InternalError(fmt::format("the result of '{}' has {} bytes, a line holds {}",
                                        request.method,
                                        line.size(),
                                        kMaxLine));
      }
      send(line);
    } catch (...) {
      const RemoteError error = to_remote(std::current_exception());
      const bool unknown = error.code == "E-CONTRACT-METHOD";
      const bool params = error.code == "E-CONTRACT";
      send(error_line(request.id,
                      unknown  ? RpcCode::kUnknownMethod
                      : params ? RpcCode::kInvalidParams
                               : RpcCode::kFailed,
                      error));
    }
  }

  Json call(const Request& request) {
    const std::string& method = request.method;
    if (method == "hello") {
      return to_json(engine_.hello());
    }
    if (method == "plan") {
      return memory::to_json(engine_.plan(from_json<PlanRequest>(request.params)));
    }
    if (method == "reading") {
      return memory::to_json(engine_.reading());
    }
    if (method == "clean") {
      return to_json(engine_.clean(clean_level(request.params)));
    }
    if (method == "unload") {
      return to_json(engine_.unload());
    }
    if (method == "load") {
      refuse_after_end();
      return to_json(engine_.load(from_json<LoadRequest>(request.params)));
    }
    if (method == "verify") {
      refuse_after_end();
      return to_json(engine_.verify(from_json<VerifyRequest>(request.params)));
    }
    if (method == "ask") {
      return to_json(ask(request));
    }
    throw UsageError(
        "E-CONTRACT-METHOD",
        fmt::format("'{}' is no method of contract {}", method.substr(0, 80), kProtocolVersion));
  }

  AskDone ask(const Request& request) {
    const AskRequest asked = from_json<AskRequest>(request.params);
    if (request.token->cancelled()) {
      throw Cancelled(fmt::format("group '{}' was cancelled before it began", asked.group));
    }
    const AskDone done = engine_.ask(
        asked,
        [&](Answer&& answer) { give(std::move(answer), *request.token); },
        [&](const BusyReading& busy) { send(notification_line("reading", to_json(busy))); },
        *request.token);
    return done;
  }

  void give(Answer&& answer, CancelToken& token) {
    std::string line = notification_line("answer", to_json(answer));
    if (line.size() > kMaxLine) {
      Answer failed;
      failed.group = answer.group;
      failed.id = answer.id;
      failed.error_code = "E-CONTRACT";
      failed.error = fmt::format(
          "the answer has {} bytes, a line holds {}; ask for fewer log-probabilities or tokens",
          line.size(),
          kMaxLine);
      line = notification_line("answer", to_json(failed));
    }
    if (!send(line)) {
      token.cancel();
    }
  }

  static CleanLevel clean_level(const Json& params) {
    if (!params.is_object() || !params.contains("level")) {
      return CleanLevel::kNormal;
    }
    const Json& level = params["level"];
    const std::optional<CleanLevel> known =
        level.is_string() ? clean_level_from_string(level.get_ref<const std::string&>())
                          : std::nullopt;
    if (!known) {
      throw InputError("E-CONTRACT", "clean.level: expected \"normal\" or \"aggressive\"");
    }
    return *known;
  }

  void refuse_after_end() {
    const std::lock_guard lock(mutex_);
    if (ended_) {
      throw Cancelled("the input has ended");
    }
  }

  // ---- both

  bool send(const std::string& line) {
    if (output_.send(line)) {
      return true;
    }
    cancel_asks("");
    {
      const std::lock_guard lock(mutex_);
      broken_ = true;
    }
    changed_.notify_all();
    return false;
  }

  void refuse(const Json& id, RpcCode code, const std::string& message) {
    send(error_line(id, code, {"input", "E-CONTRACT", message}));
  }

  Engine& engine_;
  int in_;
  Output output_;
  Log& log_;
  ServeOptions options_;
  WakePipe wake_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Request> waiting_;
  std::shared_ptr<CancelToken> running_;  ///< the token of the ask in progress
  Json running_group_;
  bool ended_ = false;     ///< no more input
  bool broken_ = false;    ///< no more output
  bool finished_ = false;  ///< the engine thread is done
};

}  // namespace

int serve(Engine& engine, int in, int out, Log& log, const ServeOptions& options) {
  return Server(engine, in, out, log, options).run();
}

}  // namespace headroom::worker
