#include "backends/server_backend.h"

#include <fmt/format.h>

#include <atomic>
#include <map>
#include <utility>

#include "base/errors.h"
#include "server_desk.h"
#include "server_picture.h"

namespace headroom::backends {

namespace {

constexpr const char* kPart = "server";
constexpr const char* kEngine = "server";
constexpr std::uint32_t kGroupsPerSlot = 2;
constexpr Duration kLookPause = std::chrono::milliseconds(500);
constexpr int kOk = 200;
constexpr int kNotFound = 404;
constexpr int kNotAllowed = 405;

bool is_loopback(const std::string& host) {
  return host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]");
}

}  // namespace

class ServerBackend::Impl {
 public:
  Impl(ServerAddress address, ServerOptions options, Clock& clock, Log& log)
      : address_(std::move(address)), options_(std::move(options)), clock_(clock), log_(log) {}

  const worker::Hello& hello() {
    throw_if_cancelled();
    if (!hello_) {
      look_at_all();
    }
    return *hello_;
  }

  memory::Geometry plan(const worker::PlanRequest& request) {
    hello();
    if (!request.pictures.empty() && identity_.vision == false) {
      throw UsageError("E-SERVER-NO-VISION",
                       fmt::format("{}: {} takes no pictures there, and the data has some; start "
                                   "the server with the model's vision part (llama.cpp: --mmproj)",
                                   to_string(address_),
                                   identity_.model));
    }
    memory::Geometry geometry;
    geometry.family = identity_.model;
    geometry.dtype = kServed;
    geometry.parameters = identity_.parameters;
    geometry.shares_prefix = false;  // as it does, which is not ours to choose
    geometry.prefills_in_chunks = false;
    geometry.context_tokens = identity_.context_tokens.value_or(0);
    for (const worker::PictureSize& size : request.pictures) {
      memory::PictureCost cost;
      cost.width = size.width;
      cost.height = size.height;
      geometry.pictures.push_back(cost);
    }
    return geometry;
  }

  worker::Loaded load() {
    const TimePoint began = clock_.now();
    hello();
    desk();
    worker::Loaded loaded;
    loaded.family = identity_.model;
    loaded.dtype = kServed;
    loaded.parameters = identity_.parameters;
    loaded.notices = notices_;
    loaded.seconds = seconds(clock_.now() - began);
    return loaded;
  }

  std::size_t groups_ahead() { return std::size_t{desk().slots()} * kGroupsPerSlot; }

  bool ask_ahead(const worker::AskRequest& request) {
    if (cancelled_ || ahead_bytes_ > options_.most_ahead.count()) {
      return false;
    }
    if (ahead_.contains(request.group)) {
      return true;
    }
    const ServerDesk::Group group = make_group(request);
    ahead_bytes_ += group->bytes();
    ahead_[request.group] = group;
    desk().add(group, false);
    return true;
  }

  worker::AskDone ask(const worker::AskRequest& request,
                      const std::function<void(worker::Answer&&)>& sink) {
    throw_if_cancelled();
    const ServerDesk::Group group = group_of(request);
    worker::AskDone done;
    done.group = request.group;
    try {
      ServerDesk& asked = desk();
      while (auto answer = asked.wait(*group, cancelled_)) {
        ++(answer->outcome == Outcome::kAnswered ? done.answered : done.failed);
        sink(std::move(*answer));
      }
      throw_if_cancelled();
    } catch (...) {
      forget_all();
      throw;
    }
    return done;
  }

  void forget_all() {
    if (desk_) {
      desk_->drop_all();
    }
    ahead_.clear();
    ahead_bytes_ = 0;
  }

  void cancel() {
    cancelled_ = true;
    const std::lock_guard lock(desk_mutex_);
    if (desk_) {
      desk_->interrupt();
    }
  }

 private:
  static constexpr const char* kServed = "as served";

  void throw_if_cancelled() {
    if (cancelled_.exchange(false)) {
      throw Cancelled("cancelled");
    }
  }

  // ---- who is there

  http::Response get(http::Loop& loop, const std::string& url) {
    http::Request request;
    request.url = url;
    request.headers = server_headers(options_);
    request.connect_timeout = options_.connect_timeout;
    request.timeout = options_.look_timeout;
    auto response = http::fetch(loop, std::move(request), [this] { return cancelled_.load(); });
    throw_if_cancelled();
    return std::move(*response);
  }

  /// A null for anything but JSON with status 200.
  Json get_json(http::Loop& loop, const std::string& url) {
    const http::Response response = get(loop, url);
    if (response.end != http::End::kResponse || response.status != kOk) {
      return {};
    }
    Json json = read_lenient(response.body);
    return json.is_discarded() ? Json() : json;
  }

  /// Empty: nobody is there, and why.
  std::optional<ServerIdentity> look_at(http::Loop& loop,
                                        const std::string& endpoint,
                                        std::string& why) {
    const TimePoint began = clock_.now();
    while (true) {
      const http::Response response = get(loop, endpoint + "/models");
      const bool answered = response.end == http::End::kResponse;
      if (answered && (response.status == kOk || response.status == kNotFound ||
                       response.status == kNotAllowed)) {
        return identity_from(loop, endpoint, response);
      }
      const Failure failure = judge(response, std::nullopt);
      why = without_key(fmt::format("{}: {}", endpoint, failure.text), options_);
      if (failure.next == Next::kGiveUp) {
        throw UsageError(failure.code, why);
      }
      const bool later = response.status != 0 && failure.next != Next::kSettle;  // loading, busy
      if (!later || clock_.now() - began >= options_.patience) {
        return std::nullopt;
      }
      log_.info(kPart, why + "; asked again in a moment");
      clock_.sleep(kLookPause);
      throw_if_cancelled();
    }
  }

  ServerIdentity identity_from(http::Loop& loop,
                               const std::string& endpoint,
                               const http::Response& response) {
    const Json list = response.status == kOk ? read_lenient(response.body) : Json();
    if (list.is_discarded()) {
      throw UsageError("E-SERVER-ADDRESS",
                       fmt::format("{}/models: not JSON but {}; the address should end where "
                                   "/chat/completions follows, most often in /v1",
                                   endpoint,
                                   without_key(read_fault(response.body).text, options_)));
    }
    ServerIdentity identity = identify(list, address_.model, endpoint);
    add_props(identity, get_json(loop, root_of(endpoint) + "/props"));
    if (!identity.slots) {
      add_version(identity, get_json(loop, root_of(endpoint) + "/version"));
    }
    if (identity.software.empty()) {
      identity.software = response.server;
    }
    return identity;
  }

  void look_at_all() {
    http::Loop loop({options_.ca_file});
    std::string why;
    std::vector<ServerDesk::Place> places;
    std::optional<ServerIdentity> first;
    for (const std::string& endpoint : address_.endpoints) {
      const auto identity = look_at(loop, endpoint, why);
      std::uint32_t slots = ServerOptions::kDefaultSlots;
      if (identity) {
        slots = identity->slots.value_or(slots);
        take(first, *identity);
        notices_.push_back(fmt::format("{}: {}", endpoint, to_string(*identity)));
      } else if (address_.endpoints.size() > 1) {
        notices_.push_back(why + "; it was not there at the beginning");
        log_.warning(kPart, why + "; the run goes on without it until it is there");
      }
      slots = options_.concurrency > 0 ? options_.concurrency : slots;
      places.push_back({endpoint, slots, identity.has_value()});
      note_open_key(endpoint);
    }
    if (!first) {
      throw BackendError("E-SERVER-UNREACHABLE", why + "; is the server running?");
    }
    identity_ = *first;
    places_ = std::move(places);
    worker::Hello hello;
    hello.engine = kEngine;
    hello.engine_version = identity_.software.empty() ? "not told" : identity_.software;
    hello.device = fmt::format("server: {}", host_of(address_.endpoints.front()));
    hello.default_dtype = kServed;
    hello.capabilities = {"logprobs", "plan"};
    hello_ = std::move(hello);
  }

  /// What holds of all endpoints.
  void take(std::optional<ServerIdentity>& all, const ServerIdentity& one) {
    if (!all) {
      all = one;
      return;
    }
    if (all->software != one.software) {
      log_.warning(kPart,
                   fmt::format("the endpoints differ: {} and {}; their answers may, too",
                               all->software,
                               one.software));
    }
    if (one.vision == false) {
      all->vision = false;
    }
    if (one.context_tokens && all->context_tokens) {
      all->context_tokens = std::min(*all->context_tokens, *one.context_tokens);
    }
  }

  void note_open_key(const std::string& endpoint) {
    if (!options_.api_key.empty() && endpoint.starts_with("http://") &&
        !is_loopback(host_of(endpoint))) {
      log_.warning(kPart, fmt::format("{}: the key is sent in the open; use https://", endpoint));
    }
  }

  // ---- asking

  ServerDesk& desk() {
    hello();
    const std::lock_guard lock(desk_mutex_);
    if (!desk_) {
      desk_ = std::make_unique<ServerDesk>(places_, identity_.model, options_, clock_, log_);
    }
    return *desk_;
  }

  /// The one that was begun ahead, or a new one whose turn it is.
  ServerDesk::Group group_of(const worker::AskRequest& request) {
    if (const auto found = ahead_.find(request.group); found != ahead_.end()) {
      ServerDesk::Group group = std::move(found->second);
      ahead_.erase(found);
      ahead_bytes_ -= group->bytes();
      return group;
    }
    ServerDesk::Group group = make_group(request);
    desk().add(group, true);
    return group;
  }

  ServerDesk::Group make_group(const worker::AskRequest& request) const {
    std::vector<std::string> pictures;
    std::map<std::size_t, Failure> unread;
    for (std::size_t i = 0; i < request.pictures.size(); ++i) {
      try {
        pictures.push_back(picture_data_url(request.pictures[i], request.max_image_side));
      } catch (const Error& error) {
        const bool memory = error.code() == "E-IMG-MEMORY";
        unread[i] = {
            memory ? Outcome::kMemory : Outcome::kImage, error.code(), error.what(), {}, {}};
        pictures.emplace_back();
      }
    }
    auto group = std::make_shared<ServerGroup>(request, std::move(pictures));
    for (ServerQuestion& question : group->questions()) {
      settle_unreadable(*group, question, unread);
    }
    return group;
  }

  /// A question about a picture that cannot be read is not sent.
  static void settle_unreadable(ServerGroup& group,
                                ServerQuestion& question,
                                const std::map<std::size_t, Failure>& unread) {
    for (const Message& message : group.item(question).conversation) {
      for (const Part& part : message.parts) {
        const auto found = part.kind == Part::Kind::kImage ? unread.find(part.image) : unread.end();
        if (found != unread.end()) {
          worker::Answer answer;
          answer.group = group.request().group;
          answer.id = group.item(question).id;
          answer.outcome = found->second.outcome;
          answer.error_code = found->second.code;
          answer.error = found->second.text;
          group.settle(question, std::move(answer));
          return;
        }
      }
    }
  }

  ServerAddress address_;
  ServerOptions options_;
  Clock& clock_;
  Log& log_;
  std::atomic<bool> cancelled_{false};
  std::optional<worker::Hello> hello_;
  ServerIdentity identity_;
  std::vector<ServerDesk::Place> places_;
  std::vector<std::string> notices_;
  std::map<std::string, ServerDesk::Group> ahead_;  ///< by name, begun and not asked for yet
  std::uint64_t ahead_bytes_ = 0;
  std::mutex desk_mutex_;  ///< of the pointer
  std::unique_ptr<ServerDesk> desk_;
};

std::string server_transport() { return http::library(); }

ServerBackend::ServerBackend(ServerAddress address, ServerOptions options, Clock& clock, Log& log)
    : impl_(std::make_unique<Impl>(std::move(address), std::move(options), clock, log)) {}

ServerBackend::~ServerBackend() = default;

const worker::Hello& ServerBackend::hello() { return impl_->hello(); }

memory::Geometry ServerBackend::plan(const worker::PlanRequest& request) {
  return impl_->plan(request);
}

worker::Loaded ServerBackend::load(const worker::LoadRequest& /*request*/) { return impl_->load(); }

void ServerBackend::prepare(const worker::AskRequest& /*request*/) {}

std::size_t ServerBackend::groups_ahead() const { return impl_->groups_ahead(); }

bool ServerBackend::ask_ahead(const worker::AskRequest& request) {
  return impl_->ask_ahead(request);
}

worker::AskDone ServerBackend::ask(const worker::AskRequest& request,
                                   const std::function<void(worker::Answer&&)>& sink) {
  return impl_->ask(request, sink);
}

worker::Cleaned ServerBackend::clean(worker::CleanLevel /*level*/) { return {}; }

memory::Reading ServerBackend::reading() { return {}; }

worker::Unloaded ServerBackend::unload() {
  impl_->forget_all();
  return {};
}

worker::Verified ServerBackend::verify(const worker::VerifyRequest& /*request*/) {
  throw UsageError("E-SERVER-VERIFY",
                   "a server gives no logits of a golden file's inputs; verify a folder");
}

void ServerBackend::cancel() { impl_->cancel(); }

int ServerBackend::restarts() const { return 0; }

}  // namespace headroom::backends
