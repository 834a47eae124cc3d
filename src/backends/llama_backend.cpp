#include "backends/llama_backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "backends/gguf_files.h"
#include "base/errors.h"
#include "base/grouped.h"
#include "death.h"
#include "gguf_header.h"
#include "group_progress.h"
#include "llama_child.h"
#include "llama_sizes.h"
#include "memory/process_footprint.h"

namespace headroom::backends {

namespace {

using worker::Answer;
using worker::AskDone;
using worker::AskRequest;

constexpr const char* kPart = "llama-server";
constexpr const char* kEngine = "llama.cpp";
constexpr int kMostDoublings = 6;
/// Of the budget, for encoded pictures of groups that are asked ahead.
constexpr double kAheadShare = 1.0 / 64;
constexpr Bytes kLeastAhead = 1_MiB;

using Sink = std::function<void(Answer&&)>;

GgufModel read_model(const GgufFiles& files) {
  GgufModel model;
  GgufHeader first = read_gguf_header(files.model);
  model.text = gguf_text(first, files.model.string());
  for (const std::filesystem::path& part : all_files(files)) {
    if (part != files.model && part != files.mmproj) {
      const GgufHeader header = read_gguf_header(part);
      model.text.weights += header.weights();
      model.text.parameters += header.parameters();
    }
  }
  if (!files.mmproj.empty()) {
    model.vision = gguf_vision(read_gguf_header(files.mmproj), files.mmproj.string());
  }
  model.image_tokens = files.image_tokens;
  return model;
}

/// "xllamacpp 2026.10.11549" of "version: xllamacpp 2026.10.11549" in one of the lines.
std::string version_in(const std::string& output) {
  constexpr std::string_view kMark = "version: ";
  const std::size_t begin = output.find(kMark);
  if (begin == std::string::npos) {
    return {};
  }
  const std::size_t end = std::min(output.find_first_of("\r\n", begin), output.size());
  return output.substr(begin + kMark.size(), end - begin - kMark.size());
}

std::string to_string(const ServerSizes& sizes) {
  return fmt::format(
      "{} of {} tokens each", counted(sizes.slots, "slot"), grouped(sizes.context_tokens));
}

}  // namespace

class LlamaBackend::Impl {
 public:
  Impl(LlamaBackend& owner,
       LlamaCommand command,
       LlamaOptions options,
       Clock& clock,
       Log& log,
       worker::Wall wall)
      : owner_(owner),
        command_(std::move(command)),
        options_(std::move(options)),
        clock_(clock),
        log_(log),
        wall_(std::move(wall), log) {}

  ~Impl() { stop(); }

  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  WallGuard& wall() { return wall_; }

  int restarts() const { return restarts_; }

  const worker::Hello& hello() {
    throw_if_cancelled();
    if (!hello_) {
      ask_version();
    }
    return *hello_;
  }

  memory::Geometry plan(const worker::PlanRequest& request) {
    hello();
    take_model(request.model);
    if (!request.pictures.empty() && !model_->vision) {
      throw UsageError(
          "E-SERVER-NO-VISION",
          fmt::format("{}: without a vision part (mmproj) it takes no pictures, and the "
                      "data has some; name its file behind +mmproj=",
                      files_.model.string()));
    }
    memory::Geometry geometry = gguf_geometry(*model_, sizes_, engine_, limited(request));
    for (std::size_t i = 0; i < request.pictures.size(); ++i) {
      memory::PictureCost& cost = geometry.pictures.at(i);
      cost.width = request.pictures[i].width;
      cost.height = request.pictures[i].height;
      cost.decode = request.pictures[i].decode;  // never less than its file, as it is sent
    }
    return geometry;
  }

  void size_for(const worker::PlanRequest& request, const Sizing& sizing) {
    hello();
    take_model(request.model);
    const std::uint32_t slots = options_.slots != 0 ? options_.slots : LlamaOptions::kUsualSlots;
    sizes_ = choose_sizes(*model_, engine_, limited(request), sizing, slots);
    options_.server.most_ahead =
        std::clamp(scaled(sizing.memory, kAheadShare), kLeastAhead, ServerOptions().most_ahead);
  }

  worker::Loaded load(const worker::LoadRequest& request) {
    const TimePoint began = clock_.now();
    hello();
    take_model(request.model);
    with_server([] {});
    worker::Loaded loaded;
    loaded.family = model_->text.architecture;
    loaded.dtype = model_->text.type;
    const memory::Geometry geometry = gguf_geometry(*model_, sizes_, engine_, {});
    loaded.parameters = geometry.parameters;
    loaded.weights = geometry.weights;
    loaded.notices.push_back(to_string(sizes_));
    loaded.seconds = seconds(clock_.now() - began);
    loaded.reading = reading();
    return loaded;
  }

  std::size_t groups_ahead() const { return server_ ? server_->groups_ahead() : 0; }

  bool ask_ahead(const AskRequest& request) {
    if (!server_ || !server_->ask_ahead(request)) {
      return false;
    }
    ahead_.push_back(request);
    return true;
  }

  AskDone ask(const AskRequest& request, const Sink& sink);

  worker::Cleaned clean(worker::CleanLevel level) {
    worker::Cleaned cleaned;
    with_server([&] {
      cleaned.before = reading();
      if (level == worker::CleanLevel::kAggressive) {
        stop();
        start();
      } else if (const std::string why = child_->erase_slots(loop(), stopped()); !why.empty()) {
        log_.info(kPart, fmt::format("its slots were not erased: {}", why));
      }
    });
    ask_ahead_again();
    cleaned.after = reading();
    return cleaned;
  }

  memory::Reading reading() {
    memory::Reading reading;
    reading.worker_footprint = Bytes();
    if (child_) {
      std::vector<pid_t> pids = processes_.descendants(child_->pid());
      pids.push_back(child_->pid());
      Bytes peak;
      for (const pid_t pid : pids) {
        if (const auto one = processes_.footprint(pid)) {
          *reading.worker_footprint += one->now;
          peak += one->peak.value_or(one->now);
        }
      }
      reading.worker_footprint_peak = peak;
    }
    last_reading_ = reading;
    return reading;
  }

  worker::Unloaded unload() {
    worker::Unloaded unloaded;
    unloaded.before = reading();
    ahead_.clear();
    stop();
    unloaded.after = reading();
    return unloaded;
  }

  void cancel() {
    cancelled_ = true;
    const std::lock_guard lock(server_mutex_);
    if (server_) {
      server_->cancel();
    }
  }

 private:
  class GroupAsk;

  void throw_if_cancelled() {
    if (cancelled_.exchange(false)) {
      throw Cancelled("cancelled");
    }
  }

  std::function<bool()> stopped() {
    return [this] { return cancelled_.load(); };
  }

  http::Loop& loop() {
    if (!loop_) {
      loop_ = std::make_unique<http::Loop>();
    }
    return *loop_;
  }

  // ---- what there is

  void ask_version() {
    worker::LoggedProcess process(version_command(), kPart, clock_, log_);
    const std::string output = process.wait_output(options_.version_timeout, 1U << 16U);
    const worker::WorkerEnd end = process.end(Duration(0));
    if (end.exit.status != 0) {
      throw BackendError("E-SERVER-START",
                         fmt::format("{} --version: {}: {}",
                                     command_.program,
                                     worker::to_string(end.exit),
                                     end.last_log.empty() ? "it said nothing" : end.last_log));
    }
    server_transport();  // its library counts with this process, before a budget is worked out
    engine_ = end.exit.peak_rss.value_or(Bytes());
    worker::Hello hello;
    hello.engine = kEngine;
    hello.engine_version = version_in(output);
    if (hello.engine_version.empty()) {
      hello.engine_version = "not told";
    }
    hello.device = options_.device_chosen ? "as LLAMA_ARG_DEVICE says" : "cpu";
    hello.default_dtype = "as in the file";
    hello.capabilities = {"logprobs", "plan"};
    hello.reading = reading();
    hello_ = std::move(hello);
  }

  worker::WorkerCommand version_command() const {
    worker::WorkerCommand command{command_.program, command_.first, {}};
    command.args.emplace_back("--version");
    return command;
  }

  void take_model(const std::string& address) {
    if (model_ && address == address_) {
      return;
    }
    stop();
    files_ = parse_gguf_files(address);
    model_ = read_model(files_);
    address_ = address;
    sizes_ = {1, std::min(std::max(model_->text.context_tokens, 1U), kUnsizedContext)};
  }

  /// Pictures as they are sent.
  static std::vector<worker::PictureSize> limited(const worker::PlanRequest& request) {
    std::vector<worker::PictureSize> sizes = request.pictures;
    for (worker::PictureSize& size : sizes) {
      const std::uint64_t longest = std::max(size.width, size.height);
      const std::uint64_t most = request.max_image_side;
      if (most != 0 && longest > most) {
        size.width =
            static_cast<std::uint32_t>(std::max<std::uint64_t>(size.width * most / longest, 1));
        size.height =
            static_cast<std::uint32_t>(std::max<std::uint64_t>(size.height * most / longest, 1));
      }
    }
    return sizes;
  }

  // ---- the server's life

  /// Runs `step` on a server that is there, again on a new one after each death.
  template <typename Step>
  void with_server(const Step& step) {
    for (int attempt = 1;; ++attempt) {
      throw_if_cancelled();
      std::string why;
      try {
        if (child_ && !child_->alive()) {
          why = bury().evidence;
        } else {
          start();
          step();
          return;
        }
      } catch (const ServerLost& lost) {
        why = lost.what();
      }
      if (attempt >= options_.start_attempts) {
        throw BackendError("E-SERVER-START",
                           fmt::format("{} died {} times in a row while it started; the last time: "
                                       "{}",
                                       command_.program,
                                       attempt,
                                       why));
      }
      clock_.sleep(options_.restart_pause * (1 << std::min(attempt - 1, kMostDoublings)));
    }
  }

  class ServerLost : public BackendError {
    using BackendError::BackendError;
  };

  /// Nothing where it is there. Throws ServerLost when it died, with its death told.
  void start() {
    if (child_) {
      return;
    }
    LlamaStart start;
    start.files = files_;
    start.sizes = sizes_;
    start.alias = alias_of(files_);
    start.port = options_.port ? options_.port() : free_port();
    start.key = new_key();
    start.device_chosen = options_.device_chosen;
    child_ = std::make_unique<LlamaChild>(command_, std::move(start), wall_, clock_, log_);
    try {
      wait_ready();
      connect();
    } catch (const Cancelled&) {
      stop();
      throw;
    }
  }

  void wait_ready() {
    const TimePoint until = clock_.now() + options_.load_timeout;
    bool foreign = false;
    while (child_->alive() && clock_.now() < until) {
      const auto seen = child_->look(loop(), stopped());
      throw_if_cancelled();
      if (seen == LlamaChild::Look::kReady && child_->alive()) {
        return;
      }
      foreign = seen == LlamaChild::Look::kForeign;
      clock_.sleep(options_.look_pause);
    }
    if (foreign) {
      log_.warning(
          kPart, fmt::format("somebody else answers at {}, who is left alone", child_->endpoint()));
    }
    const bool late = child_->alive();
    const Death death = bury(late);
    throw ServerLost(
        "E-SERVER-START",
        late ? fmt::format(
                   "not ready within {:.0f} s: {}", seconds(options_.load_timeout), death.evidence)
             : death.evidence);
  }

  void connect() {
    ServerOptions options = options_.server;
    options.api_key = child_->key();
    options.child = true;
    options.concurrency = sizes_.slots;
    ServerAddress address{{child_->endpoint()}, child_->start().alias};
    auto server = std::make_unique<ServerBackend>(std::move(address), options, clock_, log_);
    {
      const std::lock_guard lock(server_mutex_);
      server_ = std::move(server);
    }
    throw_if_cancelled();
    try {
      server_->hello();  // that the model is ours, by its name
    } catch (const BackendError& error) {
      const Death death = bury();
      throw ServerLost("E-SERVER-START", fmt::format("{}; {}", error.what(), death.evidence));
    }
  }

  void disconnect() {
    const std::lock_guard lock(server_mutex_);
    server_.reset();
  }

  void stop() {
    disconnect();
    if (child_) {
      child_->finish(options_.end_grace);
      child_.reset();
    }
  }

  /// Takes note of a death and tells about it. Half the slots where memory ran out. `deaf`: why it
  /// is killed at once, unless it has ended by itself.
  Death bury(bool at_once = false, const std::string& deaf = {}) {
    disconnect();
    worker::WorkerEnd end = child_->end(at_once ? Duration(0) : options_.death_grace);
    if (end.cause == worker::WorkerEnd::Cause::kHung && !deaf.empty()) {
      end.reason = deaf;
    }
    const std::optional<Death::AtWall> at_wall = wall_.at_wall();
    child_.reset();
    ++restarts_;
    const Death death = classify(end, last_reading_, at_wall);
    log_.warning(kPart,
                 fmt::format("the server died ({}): {}", to_string(death.kind), death.evidence));
    if (death.kind == Death::Kind::kOutOfMemory && sizes_.slots > 1) {
      const std::uint32_t before = sizes_.slots;
      sizes_.slots = std::max(before / 2, 1U);
      rung_ = fmt::format(", slots {} -> {}", before, sizes_.slots);
    }
    if (owner_.on_death) {
      owner_.on_death(death);
    }
    return death;
  }

  /// What was begun ahead, on a server that has just begun.
  void ask_ahead_again() {
    for (const AskRequest& request : ahead_) {
      server_->ask_ahead(request);
    }
  }

  static constexpr std::uint32_t kUnsizedContext = 4096;

  LlamaBackend& owner_;
  LlamaCommand command_;
  LlamaOptions options_;
  Clock& clock_;
  Log& log_;
  std::atomic<bool> cancelled_{false};
  WallGuard wall_;
  memory::ProcessMemory processes_;
  std::unique_ptr<http::Loop> loop_;
  std::optional<worker::Hello> hello_;
  Bytes engine_;  ///< what the program holds without a model
  std::string address_;
  GgufFiles files_;
  std::optional<GgufModel> model_;
  ServerSizes sizes_;
  std::unique_ptr<LlamaChild> child_;
  std::mutex server_mutex_;                ///< of the pointer, and of what `cancel` does with it
  std::unique_ptr<ServerBackend> server_;  ///< how the child is asked
  std::deque<AskRequest> ahead_;           ///< begun, and not asked for yet
  memory::Reading last_reading_;
  std::string rung_;  ///< what deaths have reduced
  int restarts_ = 0;
  int deaths_without_answer_ = 0;
};

/// The asking of one group over as many servers as it takes.
class LlamaBackend::Impl::GroupAsk {
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
      backend_.with_server([] {});
      attempt();
    }
    done_.reading = backend_.reading();
    return done_;
  }

 private:
  void attempt() {
    AskRequest part = progress_.next();
    if (progress_.careful()) {
      part.items.resize(1);  // a death points at one question then
    }
    part.limits.deadline_seconds = request_.limits.deadline_seconds *
                                   static_cast<double>(part.items.size()) /
                                   static_cast<double>(request_.items.size());
    try {
      backend_.server_->ask(part, [this](Answer&& answer) { take(std::move(answer)); });
    } catch (const BackendError& error) {
      if (error.code() != kServerLost && error.code() != kServerDeaf) {
        throw;
      }
      died(error.code() == kServerDeaf ? error.what() : "");
      return;
    }
    settle(progress_.fail_rest_of(part,
                                  Outcome::kServer,
                                  "E-SERVER-ANSWER",
                                  "the server ended its group without an answer to this question"));
  }

  void take(Answer&& answer) {
    if (!progress_.accept(answer)) {
      return;
    }
    backend_.deaths_without_answer_ = 0;
    answer.after = backend_.reading();
    if (progress_.careful()) {
      answer.rung += answer.rung.empty() ? "" : ", ";
      answer.rung += "asked again after the server's death" + backend_.rung_;
    }
    give(std::move(answer));
  }

  void give(Answer&& answer) {
    ++(answer.outcome == Outcome::kAnswered ? done_.answered : done_.failed);
    sink_(std::move(answer));
  }

  void settle(std::vector<Answer> answers) {
    for (Answer& answer : answers) {
      give(std::move(answer));
    }
  }

  /// `deaf`: what it did not answer, where it was not lost.
  void died(const std::string& deaf) {
    const Death death = backend_.bury(!deaf.empty(), deaf);
    if (progress_.done()) {
      return;
    }
    settle(progress_.on_death(death));
    if (++backend_.deaths_without_answer_ >= backend_.options_.deaths_without_answer) {
      throw BackendError("E-SERVER-GAVE-UP",
                         fmt::format("{} died {} times in a row without an answer in between; the "
                                     "last time: {}; try a smaller model or context",
                                     backend_.command_.program,
                                     backend_.deaths_without_answer_,
                                     death.evidence));
    }
  }

  Impl& backend_;
  const AskRequest& request_;
  const Sink& sink_;
  GroupProgress progress_;
  AskDone done_;
};

AskDone LlamaBackend::Impl::ask(const AskRequest& request, const Sink& sink) {
  throw_if_cancelled();
  const int before = restarts_;
  const AskDone done = GroupAsk(*this, request, sink).run();
  std::erase_if(ahead_, [&](const AskRequest& one) { return one.group == request.group; });
  if (restarts_ != before && server_) {
    ask_ahead_again();
  }
  return done;
}

// ---- LlamaBackend

LlamaBackend::LlamaBackend(
    LlamaCommand command, LlamaOptions options, Clock& clock, Log& log, worker::Wall wall)
    : impl_(std::make_unique<Impl>(
          *this, std::move(command), std::move(options), clock, log, std::move(wall))) {}

LlamaBackend::~LlamaBackend() = default;

const worker::Hello& LlamaBackend::hello() { return impl_->hello(); }

memory::Geometry LlamaBackend::plan(const worker::PlanRequest& request) {
  return impl_->plan(request);
}

void LlamaBackend::size_for(const worker::PlanRequest& request, const Sizing& sizing) {
  impl_->size_for(request, sizing);
}

worker::Loaded LlamaBackend::load(const worker::LoadRequest& request) {
  return impl_->load(request);
}

void LlamaBackend::prepare(const AskRequest& /*request*/) {}

std::size_t LlamaBackend::groups_ahead() const { return impl_->groups_ahead(); }

bool LlamaBackend::ask_ahead(const AskRequest& request) { return impl_->ask_ahead(request); }

AskDone LlamaBackend::ask(const AskRequest& request, const Sink& sink) {
  return impl_->ask(request, sink);
}

worker::Cleaned LlamaBackend::clean(worker::CleanLevel level) { return impl_->clean(level); }

memory::Reading LlamaBackend::reading() { return impl_->reading(); }

worker::Unloaded LlamaBackend::unload() { return impl_->unload(); }

worker::Verified LlamaBackend::verify(const worker::VerifyRequest& /*request*/) {
  throw UsageError("E-SERVER-VERIFY",
                   "a server gives no logits of a golden file's inputs; verify a folder");
}

void LlamaBackend::cancel() { impl_->cancel(); }

int LlamaBackend::restarts() const { return impl_->restarts(); }

std::string LlamaBackend::wall() const { return impl_->wall().text(); }

void LlamaBackend::set_wall(Bytes limit) { impl_->wall().set_limit(limit); }

void LlamaBackend::look(const memory::Reading& now) { impl_->wall().look(now); }

}  // namespace headroom::backends
