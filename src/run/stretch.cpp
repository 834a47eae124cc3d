#include "stretch.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/errors.h"
#include "run/group_request.h"
#include "run/results.h"
#include "scoring/scorers.h"

namespace headroom::run {

namespace {

/// Clean-ups before one group's admission; the governor pauses by itself, this only bounds it.
constexpr int kCleanupsFirst = 3;

worker::CleanLevel level_of(memory::Clean clean) {
  return clean == memory::Clean::kAggressive ? worker::CleanLevel::kAggressive
                                             : worker::CleanLevel::kNormal;
}

/// The smaller of two limits of which 0 means none.
std::uint32_t tighter(std::uint32_t a, std::uint32_t b) {
  if (a == 0 || b == 0) {
    return std::max(a, b);
  }
  return std::min(a, b);
}

std::optional<Bytes> measured_in(const memory::MemoryEvent& event) {
  const auto found = event.numbers.find("measured_peak_bytes");
  if (found == event.numbers.end() || !found->is_number_unsigned()) {
    return std::nullopt;
  }
  return Bytes(found->get<std::uint64_t>());
}

/// Takes on_death for its life.
class DeathWatch {
 public:
  DeathWatch(backends::Backend& backend, std::function<void(const backends::Death&)> see)
      : backend_(backend), before_(std::exchange(backend.on_death, std::move(see))) {}

  ~DeathWatch() { backend_.on_death = std::move(before_); }

  DeathWatch(const DeathWatch&) = delete;
  DeathWatch& operator=(const DeathWatch&) = delete;

 private:
  backends::Backend& backend_;
  std::function<void(const backends::Death&)> before_;
};

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
      costs_([this](const std::vector<worker::PictureSize>& sizes) {
        return backend_.plan({plan_.load.model, plan_.load.dtype, sizes, spec_.max_image_side});
      }) {}

ModelEnd Stretch::run() {
  const DeathWatch watch(backend_, [this](const backends::Death& death) { note_death(death); });
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
        tally_.add(answer->answer.outcome,
                   !item.item.truth.references.empty(),
                   score_of(*scorer_, item, *answer),
                   std::to_string(item.place.cluster));
      });
}

void Stretch::load() {
  const worker::Hello& hello = backend_.hello();
  governor_.before_load(hello.reading);
  move_wall();
  worker::LoadRequest request = plan_.load;
  const memory::LoadLimits limits = governor_.load_limits();
  request.memory_limit = request.memory_limit ? request.memory_limit : limits.memory;
  request.cache_limit = request.cache_limit ? request.cache_limit : limits.cache;
  const worker::Loaded loaded = backend_.load(request);
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
  parts_.journal.set_model(record);
  parts_.observer.on_loaded(record);
}

void Stretch::move_wall() {
  const std::string holder = backend_.wall();
  const auto limit = holder.empty() ? std::nullopt : governor_.move_wall(holder);
  if (limit) {
    backend_.set_wall(*limit);
  }
}

std::optional<OpenGroup> Stretch::open_group(std::uint32_t from) const {
  const std::optional<std::uint32_t> no = parts_.journal.next_open_group(plan_.model, from);
  if (!no) {
    return std::nullopt;
  }
  OpenGroup group;
  group.no = *no;
  group.items = parts_.journal.open_items(plan_.model, *no);
  group.request = group_request(*no, group.items, spec_);
  return group;
}

void Stretch::ask_all() {
  std::optional<OpenGroup> group = open_group(0);
  while (group) {
    check_cancelled();
    std::optional<OpenGroup> next = open_group(group->no + 1);
    ask_group(*group, next);
    group = std::move(next);
  }
}

memory::GroupFacts Stretch::facts_of(const OpenGroup& group) {
  memory::GroupFacts facts;
  facts.id = group.request.group;
  facts.questions = static_cast<std::uint32_t>(group.request.items.size());
  facts.max_tokens = spec_.max_tokens;
  bool pictures_known = false;
  for (const ItemRecord& record : group.items) {
    if (!record.item.defect.empty()) {
      continue;
    }
    facts.text_tokens = std::max(facts.text_tokens, estimate_text_tokens(record.item.conversation));
    if (!std::exchange(pictures_known, true)) {
      facts.pictures = costs_.of(record.item.pictures);
    }
  }
  return facts;
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
  waiting_.clear();
  for (const ItemRecord& record : group.items) {
    waiting_.emplace(record.item.id, &record);
    if (!record.item.defect.empty()) {
      end_item(record, record.item.defect_outcome, "E-ITEM", record.item.defect);
    }
  }
  if (group.request.items.empty()) {
    commit();
    return;
  }
  const memory::GroupFacts facts = facts_of(group);
  const memory::GroupDecision decision = admit(facts);
  planned_peak_ = decision.planned_peak;
  if (!decision.fits) {
    for (const ItemRecord& record : group.items) {
      if (waiting_.count(record.item.id) != 0) {
        end_item(record, Outcome::kMemory, "E-MEM-GROUP", decision.reason);
      }
    }
    commit();
    return;
  }
  move_wall();
  const memory::Reading reading = ask_items(group, decision, next);
  const std::size_t noted = events_.size();
  const memory::CleanDecision after = governor_.after_group(facts, facts.questions, reading);
  for (std::size_t i = noted; i < events_.size(); ++i) {
    if (events_[i].kind == memory::MemoryEvent::Kind::kGroup) {
      for (AnswerRecord& answer : arrived_) {
        answer.measured_peak = measured_in(events_[i]);
      }
      see_usage(events_[i]);
    }
  }
  commit();
  clean(after);
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
  worker::AskLimits& limits = group.request.limits;
  limits.batch = tighter(decision.limits.batch, spec_.batch);
  limits.prefill_chunk = tighter(decision.limits.prefill_chunk, spec_.prefill_chunk);
  limits.share_prefix = decision.limits.share_prefix && spec_.share_prefix;
  limits.memory = decision.limits.memory;
  limits.deadline_seconds =
      spec_.question_timeout * static_cast<double>(group.request.items.size());
  if (next && !next->request.items.empty() && !next->request.pictures.empty()) {
    backend_.prepare(next->request);
  }
  asked_since_ = parts_.clock.now();
  asking_clock_ = true;
  const worker::AskDone done =
      backend_.ask(group.request, [this](worker::Answer&& answer) { receive(std::move(answer)); });
  seconds_ += seconds(parts_.clock.now() - asked_since_);
  asking_clock_ = false;
  if (failed_) {
    std::rethrow_exception(failed_);
  }
  end_unanswered(group);
  return done.reading;
}

void Stretch::receive(worker::Answer&& answer) {
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

void Stretch::end_unanswered(const OpenGroup& group) {
  for (const ItemRecord& record : group.items) {
    if (waiting_.count(record.item.id) != 0) {
      end_item(record,
               Outcome::kModel,
               "E-NO-ANSWER",
               fmt::format("group {}: the engine ended the group without an answer to this item",
                           group.no));
    }
  }
}

void Stretch::count(const ItemRecord& item, AnswerRecord&& answer) {
  waiting_.erase(item.item.id);
  answer.planned_peak = planned_peak_;
  answer.asked_at = iso_time(parts_.clock.wall());
  const bool answered = answer.answer.outcome == Outcome::kAnswered;
  tally_.add(answer.answer.outcome,
             !item.item.truth.references.empty(),
             score_of(*scorer_, item, answer),
             std::to_string(item.place.cluster));
  ++progress_.done;
  ++progress_.done_now;
  ++(answered ? progress_.answered : progress_.failed);
  ++end_.asked;
  ++(answered ? end_.answered : end_.failed);
  arrived_.push_back(std::move(answer));
  parts_.observer.on_answer(arrived_.back(), progress());
}

void Stretch::note_death(const backends::Death& death) {
  deaths_.push_back(death);
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
  commit.measured_peak = governor_.summary().measured_peak;
  commit.events = events_;
  commit.deaths = deaths_;
  commit.answers.swap(arrived_);
  try {
    parts_.journal.commit(commit);
  } catch (...) {
    commit.answers.swap(arrived_);  // nothing was stored: they wait for the next try
    throw;
  }
  progress_.seconds_now += seconds_;
  seconds_ = 0;
  events_.clear();
  deaths_.clear();
  parts_.observer.on_progress(progress());
}

void Stretch::clean(const memory::CleanDecision& decision) {
  if (decision.clean == memory::Clean::kNone) {
    return;
  }
  const worker::Cleaned cleaned = backend_.clean(level_of(decision.clean));
  governor_.after_cleanup(decision, cleaned.before, cleaned.after);
  ++progress_.cleanups;
}

void Stretch::unload() {
  const worker::Unloaded unloaded = backend_.unload();
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
