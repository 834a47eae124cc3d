#include "doctor_memory.h"

#include <fmt/format.h>
#include <signal.h>
#include <stdlib.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <map>

#include "asking.h"
#include "base/version.h"
#include "check.h"
#include "datasets/open.h"
#include "fitting.h"
#include "memory/process_footprint.h"
#include "memory/sampler.h"
#include "memory/system_source.h"
#include "model_inputs.h"
#include "places.h"
#include "run/group_request.h"
#include "run/resume.h"
#include "signals.h"

namespace headroom::cli {

namespace {

namespace fs = std::filesystem;
using memory::Reading;

constexpr const char* kData = "easy-vqa";
constexpr std::uint64_t kQuestions = 40;
constexpr std::uint32_t kMaxTokens = 16;
/// The same model in the same place again: what may lie between two of its footprints.
constexpr double kSameShare = 0.05;
constexpr Bytes kSame = 32_MiB;
/// Of what a group takes, what the low wall leaves to it.
constexpr double kWallShare = 0.25;
/// So that planning twice with a supervisor that grew meanwhile gives the same answer.
constexpr Bytes kPlanSlack = 2_MiB;

/// Deleted with everything in it.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (fs::temp_directory_path() / "headroom-doctor-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
      throw ResourceError("E-WRITE", fmt::format("cannot make {}", name));
    }
    path_ = name;
  }

  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }

  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  fs::path make(const std::string& name) const {
    fs::create_directory(path_ / name);
    return path_ / name;
  }

 private:
  fs::path path_;
};

std::string text_of(const std::optional<Bytes>& bytes) {
  return bytes ? to_string(*bytes) : "not read";
}

datasets::Dataset embedded_data(Context& context) {
  const fs::path folder = assets_folder(context.settings) / "demo" / kData;
  return datasets::open_dataset(fmt::format("{}:{}", kData, folder.string()), {});
}

run::Specification specification_of(const run::ModelSpec& model, const datasets::Dataset& dataset) {
  run::Specification spec;
  spec.models = {model};
  spec.data.word = kData;
  spec.data.reader = dataset.name;
  spec.data.label = dataset.label;
  spec.data.path = dataset.path.string();
  spec.metric = dataset.metric;
  spec.limit = run::ItemRange{1, kQuestions};
  spec.max_tokens = kMaxTokens;
  spec.cleanup_every = 0;  // only what memory asks for
  spec.versions = {{"headroom", kVersion}};
  return spec;
}

run::ModelSpec tested_model(Context& context) {
  const std::vector<std::string>& words = context.settings.positionals();
  run::ModelSpec model = resolve_one_model(context, words.empty() ? "demo" : words.front());
  if (model.engine == "server" || model.engine == "gguf") {
    throw UsageError("E-MODEL-ENGINE",
                     fmt::format("{}: a server plans its own memory; test a folder", model.word));
  }
  return model;
}

/// The checks in their order; each begins where the one before left the worker.
class MemoryDoctor {
 public:
  MemoryDoctor(Context& context, Interrupt& interrupt)
      : context_(context),
        interrupt_(interrupt),
        model_(tested_model(context)),
        dataset_(embedded_data(context)),
        spec_(specification_of(model_, dataset_)),
        selection_(run::select(dataset_, spec_)),
        source_(context.clock),
        sampler_(source_),
        checks_([this](const std::string& name) {
          context_.console.status(fmt::format("doctor --memory: {}", name));
        }) {
    run::Journal journal =
        run::Journal::create(scratch_.make("questions"), "doctor", spec_, context.clock);
    run::register_items(journal, dataset_, selection_);
    facts_ = run::survey_workload(journal);
    for (std::optional<std::uint32_t> group = journal.next_open_group(0, 0); group;
         group = journal.next_open_group(0, *group + 1)) {
      groups_.push_back(run::group_request(*group, journal.open_items(0, *group), spec_));
    }
  }

  const CheckList& run() {
    {
      auto backend = make_backend(context_, model_.engine, false, {});
      interrupt_.set_backend(backend.get());
      checks_.run("load", [&](Check& check) { load(*backend, check); });
      checks_.run("fill", [&](Check& check) { fill(*backend, check); });
      checks_.run("clean normal",
                  [&](Check& check) { clean(*backend, worker::CleanLevel::kNormal, check); });
      checks_.run("clean aggressive",
                  [&](Check& check) { clean(*backend, worker::CleanLevel::kAggressive, check); });
      checks_.run("watermark", [&](Check& check) { watermark(*backend, check); });
      checks_.run("unload", [&](Check& check) { unload(check); });
      interrupt_.set_backend(backend.get());
      checks_.run("load again", [&](Check& check) { load_again(*backend, check); });
      checks_.run("killed worker", [&](Check& check) { killed(*backend, check); });
      interrupt_.set_backend(nullptr);
    }
    checks_.run("wall", [&](Check& check) { wall(check); });
    context_.console.status("");
    return checks_;
  }

  const run::ModelSpec& model() const { return model_; }

 private:
  using Answers = std::map<std::string, std::string>;

  worker::LoadRequest load_request() const {
    return {model_.folder, model_.dtype, std::nullopt, std::nullopt};
  }

  /// Of now: a source that was made before the worker started may not know it yet.
  Bytes footprint() {
    memory::SystemMemorySource source(context_.clock);
    return memory::total_footprint(source.read()).value_or(Bytes());
  }

  /// Asks a group; its answers by id, and whatever else it got as reasons of failure.
  Reading ask(backends::Backend& backend,
              const worker::AskRequest& group,
              Answers& answers,
              Check& check) {
    return backend
        .ask(group,
             [&](const worker::Answer& answer) {
               check.require(answer.outcome == Outcome::kAnswered,
                             fmt::format("question {}: {} {}: {}",
                                         answer.id,
                                         to_string(answer.outcome),
                                         answer.error_code,
                                         answer.error));
               if (answer.outcome == Outcome::kAnswered) {
                 answers[answer.id] = answer.text;
               }
             })
        .reading;
  }

  void load(backends::Backend& backend, Check& check) {
    const Bytes before = footprint();
    const worker::Loaded loaded = backend.load(load_request());
    loaded_ = loaded.reading;
    loaded_footprint_ = footprint();
    check.bytes("footprint_before", before);
    check.bytes("footprint_after", loaded_footprint_);
    check.bytes("weights", loaded.weights);
    check.bytes("active", loaded.reading.active);
    check.seconds("took", loaded.seconds);
    check.require(loaded.reading.active.value_or(Bytes()) >= loaded.weights,
                  fmt::format("live arrays {} < weights {}",
                              text_of(loaded.reading.active),
                              to_string(loaded.weights)));
    check.require(loaded_footprint_ > before,
                  fmt::format("the footprint did not grow: {} -> {}",
                              to_string(before),
                              to_string(loaded_footprint_)));
  }

  void fill(backends::Backend& backend, Check& check) {
    Bytes peak;
    Reading last;
    for (const worker::AskRequest& group : groups_) {
      last = ask(backend, group, answers_, check);
      peak = std::max(peak, last.peak.value_or(Bytes()));
      worker_peak_ = std::max(worker_peak_, last.worker_footprint_peak.value_or(Bytes()));
    }
    const Bytes active = loaded_.active.value_or(Bytes());
    check.count("answered", answers_.size(), selection_.positions.size());
    check.count("pictures", groups_.size(), selection_.groups);
    check.bytes("active_before", active);
    check.bytes("active_peak", peak);
    check.bytes("cache_after", last.cache);
    check.bytes("worker_footprint_peak", worker_peak_);
    check.require(answers_.size() == selection_.positions.size(),
                  "not every question has an answer");
    check.require(peak > active,
                  fmt::format("asking took nothing: live arrays {} at most, {} before",
                              to_string(peak),
                              to_string(active)));
  }

  void clean(backends::Backend& backend, worker::CleanLevel level, Check& check) {
    Answers again;
    ask(backend, groups_.front(), again, check);
    const Bytes before = footprint();
    const worker::Cleaned cleaned = backend.clean(level);
    check.bytes("cache_before", cleaned.before.cache);
    check.bytes("cache_after", cleaned.after.cache);
    check.bytes("active_before", cleaned.before.active);
    check.bytes("active_after", cleaned.after.active);
    check.bytes("footprint_before", before);
    check.bytes("footprint_after", footprint());
    const Bytes had = cleaned.before.cache.value_or(Bytes());
    const Bytes has = cleaned.after.cache.value_or(Bytes());
    check.require(had > Bytes(), "the allocator's cache was empty already");
    check.require(
        has < had,
        fmt::format(
            "the allocator's cache did not shrink: {} -> {}", to_string(had), to_string(has)));
    check.require(cleaned.after.active.value_or(Bytes()) <= cleaned.before.active.value_or(Bytes()),
                  fmt::format("live arrays grew: {} -> {}",
                              text_of(cleaned.before.active),
                              text_of(cleaned.after.active)));
  }

  /// A run under the smallest budget that holds the model: at rest it is above the watermark.
  void watermark(backends::Backend& backend, Check& check) {
    backend.unload();
    run::Specification spec = spec_;
    spec.batch = 1;
    spec.memory = "1TiB";
    const Bytes required = fit(spec, model_, facts_, backend, source_).plan.required();
    spec.memory = std::to_string((required + kPlanSlack).count());
    run::Journal journal =
        run::Journal::create(scratch_.make("watermark"), "doctor", spec, context_.clock);
    run::register_items(journal, dataset_, selection_);
    ask_one(context_, journal, spec, 0, facts_, backend, interrupt_);

    std::uint64_t cleanups = 0;
    std::uint64_t broken = 0;
    std::string first_reason;
    std::int64_t freed = 0;
    journal.for_each_memory_event([&](const run::MemoryRecord& record) {
      const memory::MemoryEvent& event = record.event;
      broken += event.kind == memory::MemoryEvent::Kind::kBroken ? 1 : 0;
      if (event.kind == memory::MemoryEvent::Kind::kClean) {
        ++cleanups;
        freed += event.freed.value_or(0);
        first_reason = first_reason.empty() ? event.reason : first_reason;
      } else if (event.kind == memory::MemoryEvent::Kind::kUnload) {
        unloading_ = event;
      }
    });
    std::uint64_t answered = 0;
    journal.for_each_answer(0,
                            run::JournalReader::Readings::kSkip,
                            [&](const run::ItemRecord&, const run::AnswerRecord* answer) {
                              const bool good =
                                  answer != nullptr && answer->answer.outcome == Outcome::kAnswered;
                              answered += good ? 1 : 0;
                            });
    check.bytes("budget", required + kPlanSlack);
    check.bytes("peak", journal.nearest_peak(0).measured);
    check.count("answered", answered, selection_.positions.size());
    check.number("clean_ups", cleanups);
    check.number("groups", selection_.groups);
    check.words("freed", difference_to_string(freed));
    check.words("first_reason", first_reason);
    check.require(cleanups > 0, "no policy acted");
    check.require(broken == 0, "the budget was broken");
    check.require(answered == selection_.positions.size(), "not every question has an answer");
  }

  /// What the run before recorded when it unloaded its model.
  void unload(Check& check) {
    check.require(unloading_.has_value(), "no run unloaded the model");
    if (unloading_) {
      check.words("found", unloading_->reason);
      check.bytes("footprint_after",
                  memory::total_footprint(unloading_->after.value_or(Reading())));
      check.require(unloading_->detail == "proved", "not all came back");
    }
  }

  void expect_same_answers(const worker::AskRequest& group, const Answers& again, Check& check) {
    std::uint64_t same = 0;
    for (const worker::AskItem& item : group.items) {
      const auto found = again.find(item.id);
      same += found != again.end() && found->second == answers_[item.id] ? 1 : 0;
    }
    check.count("same_answers", same, group.items.size());
    check.require(same == group.items.size(),
                  "not all questions got the answers of the first time");
  }

  void load_again(backends::Backend& backend, Check& check) {
    const worker::Loaded loaded = backend.load(load_request());
    const Bytes now = footprint();
    const Bytes most = loaded_footprint_ + std::max(kSame, scaled(loaded_footprint_, kSameShare));
    check.bytes("footprint_first", loaded_footprint_);
    check.bytes("footprint_again", now);
    check.bytes("active_first", loaded_.active);
    check.bytes("active_again", loaded.reading.active);
    check.seconds("took", loaded.seconds);
    check.require(now <= most,
                  fmt::format("the footprint grew: {} > {}, the first time's with what may lie "
                              "between two",
                              to_string(now),
                              to_string(most)));
    Answers again;
    ask(backend, groups_.front(), again, check);
    expect_same_answers(groups_.front(), again, check);
  }

  /// With SIGKILL, in the middle of a group.
  void killed(backends::Backend& backend, Check& check) {
    const auto pid = static_cast<pid_t>(backend.hello().pid);
    std::vector<backends::Death> deaths;
    backend.on_death = [&](const backends::Death& death) { deaths.push_back(death); };
    Answers again;
    bool struck = false;
    backend.ask(groups_.front(), [&](const worker::Answer& answer) {
      if (!struck) {
        struck = ::kill(pid, SIGKILL) == 0;
      }
      again[answer.id] = answer.text;
    });
    backend.reading();  // a worker that died after its last answer shows now
    backend.on_death = nullptr;
    const auto other = static_cast<pid_t>(backend.hello().pid);
    check.count("killed", struck ? 1 : 0, 1);
    check.count("deaths_seen", deaths.size(), 1);
    check.words("kind", deaths.empty() ? "none" : std::string(to_string(deaths.front().kind)));
    check.words("evidence", deaths.empty() ? "none" : deaths.front().evidence);
    check.words("workers", fmt::format("{} -> {}", pid, other));
    check.require(deaths.size() == 1, "not one death");
    check.require(!deaths.empty() && deaths.front().kind == backends::Death::Kind::kSignal,
                  "a SIGKILL from outside was not told apart from other deaths");
    check.require(other != pid, "no other worker was started");
    expect_same_answers(groups_.front(), again, check);
  }

  /// A wall so low that a group crosses it; away after the first death, so that the group goes on.
  void wall(Check& check) {
    worker::Wall outer = worker::make_wall(memory::parse_wall(context_.settings.text("wall")));
    const bool kernel = outer.kernel != nullptr;
    check.words("held_by", outer.text.empty() ? "nothing" : outer.text);
    if (outer.text.empty()) {
      check.require(false, "--wall off: there is none to come to");
      return;
    }
    auto backend = make_backend(context_, model_.engine, false, std::move(outer));
    memory::Sampler watching(source_);
    watching.listen([&](const Reading& now) { backend->look(now); });
    watching.start();
    interrupt_.set_backend(backend.get());
    backend->load(load_request());
    backend->clean(worker::CleanLevel::kAggressive);
    const memory::ProcessMemory processes;
    const auto now = processes.footprint(static_cast<pid_t>(backend->hello().pid));
    const Bytes rest = now ? now->now : Bytes();
    // The kernel charges a page of a file to whoever read it first: of those none may be ours.
    const Bytes counted = kernel && now ? now->anonymous.value_or(rest) : rest;
    const Bytes taken = saturating_minus(worker_peak_, loaded_.worker_footprint.value_or(rest));
    const Bytes low = counted + scaled(taken, kWallShare);
    const Bytes high = rest + taken + taken + 1_GiB;
    std::vector<backends::Death> deaths;
    backend->on_death = [&](const backends::Death& death) { deaths.push_back(death); };
    backend->limits_after_death = [&](const backends::Death&, const worker::AskLimits& limits) {
      backend->set_wall(high);
      return backends::AfterDeath{limits, ""};
    };
    backend->set_wall(low);
    Answers again;
    std::uint64_t asked = 0;
    for (const worker::AskRequest& group : groups_) {
      ask(*backend, group, again, check);
      asked += group.items.size();
      if (!deaths.empty()) {
        break;
      }
    }
    interrupt_.set_backend(nullptr);
    watching.stop();
    check.bytes("at_rest", rest);
    check.bytes("asking_takes", taken);
    check.bytes("limit", low);
    check.count("deaths_at_wall",
                static_cast<std::uint64_t>(std::count_if(
                    deaths.begin(), deaths.end(), [](const auto& one) { return one.wall; })),
                1);
    const auto at_wall = deaths.empty() ? std::nullopt : deaths.front().wall;
    if (at_wall) {
      check.bytes("held", at_wall->held);
    }
    check.words("evidence", deaths.empty() ? "none" : deaths.front().evidence);
    check.count("answered", again.size(), asked);
    check.require(at_wall.has_value(), "no group came to a wall below what it takes");
    check.require(again.size() == asked, "not every question has an answer");
  }

  Context& context_;
  Interrupt& interrupt_;
  ScratchFolder scratch_;
  run::ModelSpec model_;
  datasets::Dataset dataset_;
  run::Specification spec_;
  run::Selection selection_;
  run::WorkloadFacts facts_;
  std::vector<worker::AskRequest> groups_;
  memory::SystemMemorySource source_;
  memory::Sampler sampler_;
  CheckList checks_;
  // What earlier checks found.
  Reading loaded_;
  Bytes loaded_footprint_;
  Bytes worker_peak_;
  Answers answers_;
  std::optional<memory::MemoryEvent> unloading_;
};

}  // namespace

ExitCode run_memory_doctor(Context& context) {
  Interrupt interrupt;
  const SignalWatch watch([&](int) { interrupt.stop(); });
  try {
    MemoryDoctor doctor(context, interrupt);
    const CheckList& list = doctor.run();
    const std::size_t total = list.checks().size();
    std::string text;
    Json json = {{"schema", "headroom.doctor-memory/1"},
                 {"version", kVersion},
                 {"model", doctor.model().name},
                 {"checks", Json::array()},
                 {"passed", list.passed()},
                 {"total", total}};
    for (const Check& check : list.checks()) {
      text += check.text();
      json["checks"].push_back(check.json());
    }
    text += fmt::format("{}/{} checks passed\n", list.passed(), total);
    context.console.out(context.settings.on("json") ? dump_json(json) + "\n" : text);
    return list.passed() == total ? ExitCode::kAllAnswered : ExitCode::kInternal;
  } catch (const Cancelled&) {
    return watch.caught() == SIGTERM ? ExitCode::kTerminated : ExitCode::kInterrupted;
  }
}

}  // namespace headroom::cli
