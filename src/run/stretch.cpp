#include "stretch.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/errors.h"
#include "base/iso_time.h"
#include "datasets/dialogue.h"
#include "earlier_answers.h"
#include "run/results.h"
#include "run/resume.h"
#include "scoring/scorers.h"

namespace headroom::run {

namespace {

/// Clean-ups before one group's admission; the governor pauses by itself, this only bounds it.
constexpr int kCleanupsFirst = 3;

worker::CleanLevel level_of(memory::Clean clean) {
  return clean == memory::Clean::kAggressive ? worker::CleanLevel::kAggressive
                                             : worker::CleanLevel::kNormal;
}

/// By the guard or for want of an allocation, while the engine goes on: a lower rung may do. A
/// picture that is too large to decode, or an item that killed its workers, is not asked again.
bool stopped_for_memory(const worker::Answer& answer) {
  return answer.outcome == Outcome::kMemory &&
         (answer.error_code == "E-MEM-GUARD" || answer.error_code == "E-MEM-ALLOC" ||
          answer.error_code == "E-MEM-ENGINE");
}

std::optional<Bytes> measured_in(const memory::MemoryEvent& event) {
  const auto found = event.numbers.find("measured_peak_bytes");
  if (found == event.numbers.end() || !found->is_number_unsigned()) {
    return std::nullopt;
  }
  return Bytes(found->get<std::uint64_t>());
}

/// Takes what is called at deaths for its life.
class DeathWatch {
 public:
  using See = std::function<void(const backends::Death&)>;
  using Reduce =
      std::function<backends::AfterDeath(const backends::Death&, const worker::AskLimits&)>;

  DeathWatch(backends::Backend& backend, See see, Reduce reduce)
      : backend_(backend),
        see_before_(std::exchange(backend.on_death, std::move(see))),
        reduce_before_(std::exchange(backend.limits_after_death, std::move(reduce))) {}

  ~DeathWatch() {
    backend_.on_death = std::move(see_before_);
    backend_.limits_after_death = std::move(reduce_before_);
  }

  DeathWatch(const DeathWatch&) = delete;
  DeathWatch& operator=(const DeathWatch&) = delete;

 private:
  backends::Backend& backend_;
  See see_before_;
  Reduce reduce_before_;
};

/// Hands what the engine says while it is busy to the sampler, for its life.
class BusyWatch {
 public:
  BusyWatch(backends::Backend& backend, memory::Sampler& sampler)
      : backend_(backend),
        before_(std::exchange(backend.on_reading, [&sampler](const worker::BusyReading& busy) {
          if (const auto phase = memory::phase_from_string(busy.phase)) {
            sampler.set_phase(*phase);
          }
          sampler.see(busy.reading);
        })) {}

  ~BusyWatch() { backend_.on_reading = std::move(before_); }

  BusyWatch(const BusyWatch&) = delete;
  BusyWatch& operator=(const BusyWatch&) = delete;

 private:
  backends::Backend& backend_;
  std::function<void(const worker::BusyReading&)> before_;
};

/// As the governor decided. The deadline is the group's.
void set_limits(worker::AskLimits& limits, const memory::GroupLimits& decided) {
  limits.batch = decided.batch;
  limits.prefill_chunk = decided.prefill_chunk;
  limits.share_prefix = decided.share_prefix;
  limits.memory = decided.memory;
  limits.throttle = decided.throttle;
  limits.cache = decided.cache;
  limits.release_vision = decided.release_vision;
  limits.max_tiles = decided.max_tiles;
  limits.kv_bits = decided.kv_bits;
}

}  // namespace

Stretch::Stretch(const RunnerParts& parts,
                 const ModelPlan& plan,
                 backends::Backend& backend,
                 memory::Governor& governor,
                 std::vector<memory::MemoryEvent>& events)
    : parts_(parts),
      plan_(plan),
      backend_(backend),
      governor_(governor),
      events_(events),
      spec_(parts.journal.run().spec),
      scorer_(scoring::make_scorer(spec_.metric)),
      estimator_(
          [this](const std::vector<worker::PictureSize>& sizes, std::uint32_t max_tiles) {
            return backend_.plan(
                {plan_.load.model, plan_.load.dtype, sizes, spec_.max_image_side, max_tiles});
          },
          spec_.max_tokens,
          governor.plan().geometry.context_tokens,
          memory::parse_allowed(spec_.allow).fewer_tiles) {}

ModelEnd Stretch::run() {
  const DeathWatch watch(
      backend_,
      [this](const backends::Death& death) { note_death(death); },
      [this](const backends::Death& death, const worker::AskLimits& limits) {
        return after_death(death, limits);
      });
  count_earlier_answers();
  parts_.journal.set_state(RunState::kRunning);
  try {
    check_cancelled();
    load();
    ask_all();
    unload();
  } catch (const Cancelled&) {
    stop_interrupted();
  } catch (...) {
    keep_what_arrived();
    throw;
  }
  const RunRecord run = parts_.journal.run();
  bool finished = true;
  for (std::size_t i = 0; i < run.spec.models.size(); ++i) {
    finished =
        finished && !parts_.journal.next_open_group(static_cast<std::uint32_t>(i), 0).has_value();
  }
  if (finished) {
    parts_.journal.set_state(RunState::kFinished);
  }
  end_.pending = run.items - parts_.journal.count_answers(plan_.model);
  return end_;
}

void Stretch::count_earlier_answers() {
  progress_.model = spec_.models.at(plan_.model).name;
  progress_.budget = governor_.budget().limit;
  progress_.counter = memory::to_string(governor_.budget().counter);
  progress_.tally = &tally_;
  if (spec_.test == TestKind::kDescribe) {
    progress_.measure = "facts told";
  } else if (spec_.test == TestKind::kContext) {
    progress_.measure = "with history";
  }
  parts_.journal.for_each_answer(
      plan_.model,
      JournalReader::Readings::kSkip,
      [this](const ItemRecord& item, const AnswerRecord* answer) {
        ++progress_.items;
        if (answer == nullptr) {
          return;
        }
        ++progress_.done;
        ++(answer->answer.outcome == Outcome::kAnswered ? progress_.answered : progress_.failed);
        judge(item, *answer);
      });
}

void Stretch::judge(const ItemRecord& item, const AnswerRecord& answer) {
  if (datasets::is_judged(item.item)) {
    tally_.add(answer.answer.outcome,
               scorer_->can_score(item.item.truth),
               score_of(*scorer_, item, answer),
               std::to_string(item.place.cluster));
  }
}

void Stretch::load() {
  const memory::PhaseMark mark(parts_.sampler, memory::RunPhase::kLoad);
  const worker::Hello& hello = backend_.hello();
  governor_.before_load(hello.reading);
  move_wall();
  worker::LoadRequest request = plan_.load;
  const memory::LoadLimits limits = governor_.load_limits();
  request.memory_limit = limits.memory;
  request.cache_limit = limits.cache;
  request.now = time_from_iso(parts_.journal.run().created);
  const worker::Loaded loaded = backend_.load(request);
  parts_.sampler.see(loaded.reading);
  governor_.after_load(loaded.reading, loaded.seconds);

  ModelRecord record;
  record.no = plan_.model;
  record.spec = spec_.models.at(plan_.model);
  record.engine = hello.engine;
  record.engine_version = hello.engine_version;
  record.device = hello.device;
  record.dtype = loaded.dtype;
  record.family = loaded.family;
  record.parameters = loaded.parameters;
  record.weights = loaded.weights;
  record.budget = governor_.budget().limit;
  record.planned_peak = governor_.plan().planned_peak();
  record.plan = plan_.plan;
  record.notices = loaded.notices;
  record.load_seconds = loaded.seconds;
  record.loads = 1;
  const ModelRecord before = parts_.journal.models().at(plan_.model);
  record.earlier = check_engine_unchanged(before,
                                          parts_.journal.count_answers(plan_.model),
                                          record,
                                          parts_.journal.last_asked_at(plan_.model),
                                          plan_.force);
  if (before.loads > 0 && same_engine(before, record)) {
    go_on_learning();
  }
  learns_ = true;
  parts_.journal.set_model(record);
  parts_.observer.on_loaded(record);
}

/// On the same engine groups cost what they cost before the run was stopped.
void Stretch::go_on_learning() {
  const Json learnt = parts_.journal.learnt(plan_.model);
  if (!learnt.is_null() && !governor_.go_on_from(learnt)) {
    parts_.log.info("run",
                    "what another version of the program has learnt of this model's memory is "
                    "learnt anew");
  }
}

void Stretch::move_wall() {
  const std::string holder = backend_.wall();
  const auto limit = holder.empty() ? std::nullopt : governor_.move_wall(holder);
  if (limit) {
    backend_.set_wall(*limit);
  }
}

void Stretch::ask_all() {
  GroupWindow window(parts_.journal, spec_, plan_.model);
  std::optional<OpenGroup> group = window.take();
  while (group) {
    check_cancelled();
    begin_ahead(window);
    std::optional<OpenGroup> next = window.take();
    // What an engine works on already stays whole.
    const bool ahead = backend_.groups_ahead() > 0;
    std::optional<OpenGroup> longer = ahead ? std::nullopt : estimator_.take_longer(*group);
    ask_group(*group, longer ? longer : next);
    if (longer) {
      check_cancelled();
      ask_group(*longer, next);
    }
    group = std::move(next);
  }
}

/// What an engine takes that works on many groups at once. Its answers are kept, each when its
/// group's turn has come; a group that needs earlier answers waits for them.
void Stretch::begin_ahead(GroupWindow& window) {
  window.fill(backend_.groups_ahead());
  for (GroupWindow::Waiting& waiting : window.waiting()) {
    if (waiting.begun || needs_earlier_answer(waiting.group.request) ||
        waiting.group.request.items.empty()) {
      continue;
    }
    set_deadline(waiting.group.request);
    waiting.begun = backend_.ask_ahead(waiting.group.request);
    if (!waiting.begun) {
      return;
    }
  }
}

void Stretch::set_deadline(worker::AskRequest& request) const {
  request.limits.deadline_seconds =
      spec_.question_timeout * static_cast<double>(request.items.size());
}

memory::GroupDecision Stretch::admit(const memory::GroupFacts& facts) {
  memory::GroupDecision decision = governor_.before_group(facts);
  for (int i = 0; i < kCleanupsFirst && decision.clean_first.clean != memory::Clean::kNone; ++i) {
    clean(decision.clean_first);
    decision = governor_.before_group(facts);
  }
  return decision;
}

void Stretch::ask_group(OpenGroup& group, const std::optional<OpenGroup>& next) {
  group_ = group.no;
  planned_peak_.reset();
  rung_.clear();
  asked_at_.clear();
  waiting_.clear();
  for (const ItemRecord& record : group.items) {
    waiting_.emplace(record.item.id, &record);
    if (!record.item.defect.empty()) {
      end_item(record, record.item.defect_outcome, "E-ITEM", record.item.defect);
    }
  }
  for (MissingTurn& missing : put_earlier_answers(parts_.journal, plan_.model, group)) {
    end_item(*missing.item, Outcome::kSkipped, std::move(missing.code), std::move(missing.why));
  }
  if (group.request.items.empty()) {
    commit();
    return;
  }
  const memory::PhaseMark mark(
      parts_.sampler,
      {memory::RunPhase::kAsk, group.request.group, group.request.items.front().id});
  // Where this group is held, the next one goes on from it and needs no picture.
  const bool held = continues(next, group);
  group.request.limits.hold = held;
  memory::GroupFacts facts = estimator_.of(group, held ? std::nullopt : next);
  facts.decoded = prepared_ == group.no;
  const std::optional<memory::Reading> reading = ask_down_the_ladder(group, facts, next);
  if (!reading) {
    commit();
    return;
  }
  const std::size_t noted = events_.size();
  const memory::CleanDecision after =
      governor_.after_group(facts, facts.questions, *reading, held_);
  for (std::size_t i = noted; i < events_.size(); ++i) {
    if (events_[i].kind == memory::MemoryEvent::Kind::kGroup) {
      if (walked_peak_) {
        events_[i].numbers["walked_peak_bytes"] = walked_peak_->count();
      }
      for (AnswerRecord& answer : arrived_) {
        answer.measured_peak = measured_in(events_[i]);
      }
      see_usage(events_[i]);
    }
  }
  commit();
  clean(after);
}

std::optional<memory::Reading> Stretch::ask_down_the_ladder(OpenGroup& group,
                                                            memory::GroupFacts facts,
                                                            const std::optional<OpenGroup>& next) {
  std::optional<memory::Reading> reading;
  facts_ = facts;
  memory::GroupDecision decision = admit(facts);
  while (decision.fits) {
    reading = ask_items(group, decision, next);
    if (stopped_.empty()) {
      return reading;
    }
    commit();  // what was answered on this rung stays answered
    const std::string why = stopped_.begin()->second;
    std::erase_if(group.request.items,
                  [this](const worker::AskItem& item) { return !stopped_.contains(item.id); });
    stopped_.clear();
    check_cancelled();
    facts.questions = static_cast<std::uint32_t>(group.request.items.size());
    facts.decoded = false;         // they were taken
    facts.beyond_context = false;  // it has allocated: they are not
    facts_ = facts;
    decision = governor_.after_stop(facts, why);
  }
  planned_peak_ = decision.planned_peak;
  rung_.clear();
  end_unanswered(group, Outcome::kMemory, "E-MEM-GROUP", decision.reason);
  if (reading) {
    governor_.refused(facts, decision);
  }
  if (prepared_ == group.no) {
    backend_.prepare({});  // what was decoded ahead for this group is of no use
    prepared_.reset();
  }
  return reading;
}

void Stretch::see_usage(const memory::MemoryEvent& event) {
  const memory::Budget& budget = governor_.budget();
  const auto usage =
      memory::usage(event.after.value_or(memory::Reading()), budget.counter, budget.limit);
  progress_.used = usage ? std::optional<Bytes>(usage->total()) : std::nullopt;
}

memory::Reading Stretch::ask_items(OpenGroup& group,
                                   const memory::GroupDecision& decision,
                                   const std::optional<OpenGroup>& next) {
  move_wall();
  planned_peak_ = decision.planned_peak;
  most_planned_ = std::max(most_planned_, decision.planned_peak);
  rung_ = decision.rung;
  set_limits(group.request.limits, decision.limits);
  set_deadline(group.request);
  if (decision.prepare_next && !group.request.limits.hold && next && !next->request.items.empty() &&
      !next->request.pictures.empty()) {
    worker::AskRequest pictures = next->request;
    pictures.items.clear();  // their histories may need answers of this group
    backend_.prepare(pictures);
    prepared_ = next->no;
  }
  asked_since_ = parts_.clock.now();
  asking_clock_ = true;
  asked_at_ = iso_time(parts_.clock.wall());
  const memory::PhaseMark mark(parts_.sampler, memory::RunPhase::kAsk);
  const BusyWatch busy(backend_, parts_.sampler);
  const worker::AskDone done =
      backend_.ask(group.request, [this](worker::Answer&& answer) { receive(std::move(answer)); });
  seconds_ += seconds(parts_.clock.now() - asked_since_);
  asking_clock_ = false;
  walked_peak_ = done.walked_peak;
  held_ = done.held;
  parts_.sampler.see(done.reading);
  if (failed_) {
    std::rethrow_exception(failed_);
  }
  if (stopped_.empty()) {
    end_unanswered(
        group,
        Outcome::kModel,
        "E-NO-ANSWER",
        fmt::format("group {}: the engine ended the group without an answer to this item",
                    group.no));
  }
  return done.reading;
}

void Stretch::receive(worker::Answer&& answer) {
  parts_.sampler.see(answer.after);
  if (failed_) {
    std::rethrow_exception(failed_);
  }
  if (answer.outcome != Outcome::kAnswered && answer.error_code == "E-CANCELLED") {
    return;  // not asked to its end: it stays open
  }
  const auto found = waiting_.find(answer.id);
  if (found == waiting_.end()) {
    parts_.log.warning("run",
                       fmt::format("group {}: the engine gave an answer to item '{}', which was "
                                   "not open; it is not kept; report this with the worker's log",
                                   group_.value_or(0),
                                   answer.id));
    return;
  }
  if (stopped_for_memory(answer)) {
    stopped_[answer.id] = answer.error;  // stays open, to be asked on a lower rung
    return;
  }
  const ItemRecord& item = *found->second;
  AnswerRecord record;
  record.seq = item.seq;
  record.answer = std::move(answer);
  count(item, std::move(record));
}

void Stretch::end_item(const ItemRecord& item, Outcome outcome, std::string code, std::string why) {
  AnswerRecord record;
  record.seq = item.seq;
  record.answer.group = std::to_string(item.place.group);
  record.answer.id = item.item.id;
  record.answer.outcome = outcome;
  record.answer.error_code = std::move(code);
  record.answer.error = std::move(why);
  const memory::Reading now = parts_.sampler.tick();
  record.answer.before = now;
  record.answer.after = now;
  count(item, std::move(record));
}

void Stretch::end_unanswered(const OpenGroup& group,
                             Outcome outcome,
                             const std::string& code,
                             const std::string& why) {
  for (const ItemRecord& record : group.items) {
    if (waiting_.count(record.item.id) != 0) {
      end_item(record, outcome, code, why);
    }
  }
}

void Stretch::count(const ItemRecord& item, AnswerRecord&& answer) {
  waiting_.erase(item.item.id);
  answer.planned_peak = planned_peak_;
  if (!rung_.empty()) {
    std::string& rung = answer.answer.rung;
    rung = rung.empty() || rung_.find(rung) != std::string::npos ? rung_ : rung_ + ", " + rung;
  }
  answer.asked_at = asked_at_.empty() ? iso_time(parts_.clock.wall()) : asked_at_;
  const bool answered = answer.answer.outcome == Outcome::kAnswered;
  judge(item, answer);
  ++progress_.done;
  progress_.done_now += asked_at_.empty() ? 0 : 1;  // the others take no time
  ++(answered ? progress_.answered : progress_.failed);
  ++end_.asked;
  ++(answered ? end_.answered : end_.failed);
  arrived_.push_back(std::move(answer));
  parts_.observer.on_answer(item, arrived_.back(), progress());
}

void Stretch::note_death(const backends::Death& death) {
  deaths_.push_back(death);
  prepared_.reset();
  ++progress_.restarts;
  DeathRecord record;
  record.model = plan_.model;
  record.group = group_;
  record.death = death;
  parts_.observer.on_death(record);
  // What had arrived becomes durable before anything is tried again. This is called from inside the
  // backend, which must not be unwound here.
  try {
    commit();
  } catch (...) {
    failed_ = std::current_exception();
  }
}

/// Called from inside the backend when a group is to go on after a death.
backends::AfterDeath Stretch::after_death(const backends::Death& death,
                                          const worker::AskLimits& limits) {
  backends::AfterDeath after{limits, {}};
  if (death.kind == backends::Death::Kind::kOutOfMemory && facts_) {
    memory::GroupFacts rest = *facts_;
    rest.questions = static_cast<std::uint32_t>(std::max<std::size_t>(waiting_.size(), 1));
    rest.decoded = false;         // what was decoded died with the worker
    rest.beyond_context = false;  // it has allocated: they are not
    const memory::GroupDecision decision = governor_.after_stop(rest, death.evidence);
    if (!decision.fits && spec_.governor) {
      governor_.refused(rest, decision);
      after.refused = decision.reason;
    }
    set_limits(after.limits, decision.limits);
    after.rung = decision.rung;
    planned_peak_ = decision.planned_peak;
    rung_.clear();
  }
  return after;
}

void Stretch::commit() {
  if (asking_clock_) {
    const TimePoint now = parts_.clock.now();
    seconds_ += seconds(now - asked_since_);
    asked_since_ = now;
  }
  if (arrived_.empty() && deaths_.empty() && events_.empty() && seconds_ <= 0) {
    return;
  }
  GroupCommit commit;
  commit.model = plan_.model;
  commit.group = group_.value_or(0);
  commit.seconds = seconds_;
  commit.peak = {governor_.summary().measured_peak, planned_for_peak(), governor_.budget().limit};
  commit.events = events_;
  commit.deaths = deaths_;
  commit.answers.swap(arrived_);
  commit.learnt = learns_ ? governor_.learnt() : Json();
  take_readings();
  commit.readings = series_.spans();
  try {
    parts_.journal.commit(commit);
  } catch (...) {
    commit.answers.swap(arrived_);  // nothing was stored: they wait for the next try
    throw;
  }
  series_.drain();
  progress_.seconds_now += seconds_;
  seconds_ = 0;
  events_.clear();
  deaths_.clear();
  parts_.observer.on_progress(progress());
}

/// The plan of the start is of the hardest group in the data, as far as that was known then; a
/// group has a plan of its own, by what it asks and by what is held when it is asked.
Bytes Stretch::planned_for_peak() const {
  return most_planned_ > Bytes() ? most_planned_ : governor_.plan().planned_peak();
}

/// Of what the sampler has seen; bounded also while the journal cannot be written.
void Stretch::take_readings() {
  for (memory::ReadingSpan& span : parts_.sampler.drain()) {
    series_.add(std::move(span));
  }
}

void Stretch::clean(const memory::CleanDecision& decision) {
  if (decision.clean == memory::Clean::kNone) {
    return;
  }
  const memory::PhaseMark mark(parts_.sampler, memory::RunPhase::kClean);
  const TimePoint began = parts_.clock.now();
  const worker::Cleaned cleaned = backend_.clean(level_of(decision.clean));
  parts_.sampler.see(cleaned.before);
  parts_.sampler.see(cleaned.after);
  governor_.after_cleanup(decision, cleaned.before, cleaned.after, parts_.clock.now() - began);
  ++progress_.cleanups;
}

void Stretch::unload() {
  const memory::PhaseMark mark(parts_.sampler, memory::RunPhase::kUnload);
  parts_.sampler.renew();
  parts_.sampler.tick();  // the last look at the most that the engine has held
  const worker::Unloaded unloaded = backend_.unload();
  parts_.sampler.see(unloaded.before);
  parts_.sampler.see(unloaded.after);
  const memory::Unloading result = governor_.after_unload(unloaded.before, unloaded.after);
  if (!result.proved) {
    parts_.log.warning("run", result.text + "; later models have that much less");
  }
  commit();
}

Progress Stretch::progress() const {
  Progress now = progress_;
  now.peak = governor_.summary().measured_peak;
  if (asking_clock_) {
    now.seconds_now += seconds_ + seconds(parts_.clock.now() - asked_since_);
  }
  return now;
}

void Stretch::check_cancelled() const {
  if (parts_.cancel.cancelled()) {
    throw Cancelled("stopped");
  }
}

/// After an error: the journal may be what failed, then it keeps what was committed before.
void Stretch::keep_what_arrived() {
  try {
    commit();
    parts_.journal.set_state(RunState::kInterrupted);
  } catch (const Error& error) {
    parts_.log.error(
        "run",
        fmt::format("{} answers that had arrived could not be stored and will be asked "
                    "again by resume: {}",
                    arrived_.size(),
                    error.what()));
  }
}

void Stretch::stop_interrupted() {
  commit();
  parts_.journal.set_state(RunState::kInterrupted);
  const std::string folder = parts_.journal.folder().string();
  throw Cancelled(
      fmt::format("stopped: {} of {} items have ended and are safe in {}; go on with: "
                  "headroom resume {}",
                  progress_.done,
                  progress_.items,
                  folder,
                  folder));
}

}  // namespace headroom::run
