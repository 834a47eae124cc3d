#include "mlx_engine.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/errors.h"
#include "engine/counters.h"
#include "engine/device.h"
#include "engine/evaluate.h"
#include "engine/foreign.h"
#include "group_asker.h"
#include "images/resize.h"
#include "models/verify.h"
#include "trim.h"

namespace headroom::mlx_worker {
namespace {

/// Between the readings of a group in work, at least.
constexpr Duration kReadingInterval = std::chrono::milliseconds(50);

/// Runs `work`; what MLX throws comes out as one of our errors.
template <typename Work>
auto translated(const std::string& where, Work&& work) {
  try {
    return std::forward<Work>(work)();
  } catch (...) {
    engine::settle();
    engine::rethrow_translated(std::current_exception(), where);
  }
}

}  // namespace

MlxEngine::MlxEngine(const Clock& clock, Log& log) : clock_(clock), log_(log) {
  engine::evaluate(engine::mx::zeros({1}));  // the library's own threads and streams count with it
  if (const auto footprint = process_.footprint(getpid())) {
    footprint_at_start_ = footprint->now;
  }
}

MlxEngine::~MlxEngine() { drop_model(); }

worker::Hello MlxEngine::hello() {
  worker::Hello hello;
  hello.engine = "mlx";
  hello.engine_version = engine::engine_version();
  hello.device = engine::device_name();
  hello.default_dtype = engine::dtype_name(engine::default_dtype());
  hello.capabilities = {"batch", "logprobs", "prefix", "plan", "verify", "prepare"};
  hello.pid = getpid();
  hello.reading = reading();
  return hello;
}

memory::Geometry MlxEngine::plan(const worker::PlanRequest& request) {
  const models::ModelFolder folder = models::ModelFolder::open(request.model);
  models::check_askable(request.model);
  const engine::mx::Dtype dtype = engine::parse_dtype(request.dtype);
  std::vector<models::PictureSides> sides;
  for (const worker::PictureSize& size : request.pictures) {
    sides.push_back(images::limited_sides({size.width, size.height}, request.max_image_side));
  }
  memory::Geometry geometry =
      models::find_family(folder).plan(folder, dtype, sides, request.max_tiles);
  for (std::size_t i = 0; i < request.pictures.size(); ++i) {
    memory::PictureCost& cost = geometry.pictures[i];
    const worker::PictureSize& asked = request.pictures[i];
    cost.width = asked.width;
    cost.height = asked.height;
    // Its decoder may hold more: what a turn, a progressive or a lossless file takes.
    cost.decode = std::max(cost.decode, asked.decode);
    if (sides[i].width != asked.width || sides[i].height != asked.height) {
      // The picture as decoded is there while it is reduced to the side that was asked for.
      cost.decode = std::max(
          cost.decode,
          Bytes(std::uint64_t{asked.width} * asked.height * 3 +
                images::resize_bytes(asked.width, asked.height, sides[i].width, sides[i].height)));
    }
  }
  geometry.engine = footprint_at_start_;
  return geometry;
}

worker::Loaded MlxEngine::load(const worker::LoadRequest& request) {
  const TimePoint start = clock_.now();
  drop_model();
  engine::set_memory_limit(request.memory_limit);
  engine::set_cache_limit(request.cache_limit);
  const Bytes before = engine::allocator_counters().active;
  const engine::mx::Dtype dtype = engine::parse_dtype(request.dtype);
  translated("load", [&] {
    model_.emplace(
        models::LoadedModel::load(request.model, dtype, request.now.value_or(clock_.wall())));
    return 0;
  });
  worker::Loaded result;
  result.family = model_->model->family();
  result.dtype = engine::dtype_name(dtype);
  result.parameters = model_->model->parameters();
  result.weights = saturating_minus(engine::allocator_counters().active, before);
  result.notices = model_->notices;
  for (const std::string& notice : result.notices) {
    log_.info("engine", notice);
  }
  if (model_->text) {
    shelf_.use(model_->text->processor);
  }
  translated("warm-up", [&] {
    warm_up();
    return 0;
  });
  result.seconds = seconds(clock_.now() - start);
  result.reading = reading();
  return result;
}

/// One token through all layers: what libraries allocate and compile on first use happens here, not
/// in the first answer.
void MlxEngine::warm_up() {
  const std::set<std::int32_t> none;
  const engine::Guard guard;
  engine::Generator(*model_->model, none, clock_).trace({{0, -1}}, nullptr, 1, guard);
}

void MlxEngine::prepare(const worker::AskRequest& request) { shelf_.prepare(request); }

worker::AskDone MlxEngine::ask(const worker::AskRequest& request,
                               const worker::AnswerSink& answers,
                               const worker::ReadingSink& readings,
                               const worker::CancelToken& cancel) {
  models::LoadedModel& model = loaded();
  const TimePoint start = clock_.now();
  std::string key = pictures_key(request);
  if (held_ && !may_continue(request, key, *held_)) {
    held_.reset();
    engine::clear_cache();
  }
  reset_peaks();
  const memory::Reading before = reading();
  engine::GuardLimits limits;
  limits.cancelled = [&cancel] { return cancel.cancelled(); };
  limits.memory = request.limits.memory;
  std::optional<Bytes> walked;
  limits.foreseen = [&walked](Bytes peak) { walked = std::max(walked.value_or(Bytes()), peak); };
  limits.clock = &clock_;
  if (request.limits.cache) {
    engine::set_cache_limit(request.limits.cache);
  }
  if (engine::on_gpu()) {
    engine::set_memory_limit(request.limits.memory);  // it follows a budget that tightens
    limits.throttle = request.limits.throttle;
  }
  if (request.limits.deadline_seconds > 0) {
    limits.deadline = start + std::chrono::duration_cast<Duration>(
                                  std::chrono::duration<double>(request.limits.deadline_seconds));
  }
  TimePoint due = start;
  limits.looked = [&](engine::Phase phase) {
    if (const TimePoint now = clock_.now(); now >= due) {
      due = now + kReadingInterval;
      readings({request.group, std::string(to_string(phase)), reading()});
    }
  };
  const engine::Guard guard(limits);
  GroupAsker asker(model, request, guard, clock_);
  worker::AskDone done;
  done.group = request.group;
  const GroupAsker::Give give = [&](worker::Answer&& answer) {
    ++(answer.outcome == Outcome::kAnswered ? done.answered : done.failed);
    answer.before = before;
    answer.after = reading();
    answers(std::move(answer));
  };
  if (std::optional<HeldTurn> held = std::exchange(held_, std::nullopt)) {
    asker.ask(std::move(*held), [&] { return shelf_.take(request); }, give);
    shelf_.pass(request);
  } else {
    std::vector<ShelfPicture> pictures = shelf_.take(request);
    asker.ask(std::move(pictures), seconds(clock_.now() - start) + std::exchange(waited_, 0), give);
  }
  held_ = asker.take_held(std::move(key));
  if (held_) {
    done.held = held_->cache.bytes();
  }
  done.walked_peak = walked;
  wait_ahead(guard);
  done.reading = reading();
  return done;
}

/// The next group would wait for its pictures anyway. Their decoding is planned with this one, so
/// it shall be measured with this one.
void MlxEngine::wait_ahead(const engine::Guard& guard) {
  const TimePoint start = clock_.now();
  shelf_.wait_ahead([&guard] {
    try {
      guard.check();
      return false;
    } catch (const Error&) {
      return true;  // the group's time is over, or nobody wants it: its answers are given
    }
  });
  waited_ = seconds(clock_.now() - start);
}

worker::Cleaned MlxEngine::clean(worker::CleanLevel level) {
  worker::Cleaned cleaned;
  cleaned.before = reading();
  held_.reset();
  for (int cycle = level == worker::CleanLevel::kAggressive ? 3 : 1; cycle > 0; --cycle) {
    engine::clear_cache();
    trim_heap();
  }
  cleaned.after = reading();
  return cleaned;
}

worker::Unloaded MlxEngine::unload() {
  worker::Unloaded unloaded;
  unloaded.before = reading();
  drop_model();
  unloaded.after = reading();
  return unloaded;
}

void MlxEngine::drop_model() {
  shelf_.use(nullptr);
  held_.reset();
  model_.reset();
  engine::clear_cache();
  trim_heap();
}

worker::Verified MlxEngine::verify(const worker::VerifyRequest& request) {
  loaded();
  return translated("verify", [&] {
    const models::Verification result = models::verify(*model_->model, request.golden, clock_);
    return worker::Verified{result.max_logit_difference,
                            result.expected_tokens,
                            result.tokens,
                            result.first_different_tap,
                            result.tap_difference};
  });
}

memory::Reading MlxEngine::reading() {
  memory::Reading reading;
  reading.time = clock_.wall();
  const engine::AllocatorCounters counters = engine::allocator_counters();
  reading.active = counters.active;
  reading.cache = counters.cache;
  reading.peak = counters.peak;
  if (const auto footprint = process_.footprint(getpid())) {
    reading.worker_footprint = footprint->now;
    reading.worker_footprint_peak = footprint->peak;
  }
  if (const auto device = device_memory_.read()) {
    reading.device_used = device->used;
    reading.device_free = device->free;
  }
  return reading;
}

void MlxEngine::reset_peaks() {
  engine::reset_peak();
  process_.reset_peak(getpid());
}

models::LoadedModel& MlxEngine::loaded() {
  if (!model_) {
    throw UsageError("E-NOT-LOADED", "no model is loaded: send load first");
  }
  return *model_;
}

}  // namespace headroom::mlx_worker
