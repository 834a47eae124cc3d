#include "progress_line.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>

#include "report/answer_text.h"
#include "run/results.h"

namespace headroom::cli {

report::Style style_out(const Console& console) {
  const ConsoleOptions& options = console.options();
  return {options.color_out, options.ascii, options.width_out};
}

report::Style style_err(const Console& console) {
  const ConsoleOptions& options = console.options();
  return {options.color_err, options.ascii, options.width_err};
}

void ProgressLine::on_loaded(const run::ModelRecord& model) {
  if (console_.options().verbosity < 0) {
    return;
  }
  console_.note(fmt::format("loaded {}: {}, {} on {} {} ({}), {:.1f} s{}",
                            model.spec.name,
                            model.family,
                            model.dtype,
                            model.engine,
                            model.engine_version,
                            model.device,
                            model.load_seconds,
                            model.weights ? ", weights " + to_string(*model.weights) : ""));
  for (const std::string& notice : model.notices) {
    console_.note(fmt::format("note: {}: {}", model.spec.name, notice));
  }
  shown_ = clock_.now();
}

void ProgressLine::on_answer(const run::ItemRecord& item,
                             const run::AnswerRecord& answer,
                             const run::Progress& progress) {
  if (console_.options().verbosity >= 2) {
    console_.note(fmt::format("prompt of {}: {}", item.item.id, dump_json(answer.answer.prompt)));
  }
  if (console_.options().verbosity >= 1) {
    console_.note(
        report::answer_text(item, answer, run::score_of(*scorer_, item, answer), progress));
  }
  show(progress);
}

void ProgressLine::on_progress(const run::Progress& progress) { show(progress); }

void ProgressLine::show(const run::Progress& progress) {
  if (console_.options().verbosity < 0) {
    return;
  }
  const bool redraw = console_.options().redraw;
  const Duration pause =
      redraw ? Duration(std::chrono::milliseconds(100)) : Duration(std::chrono::seconds(30));
  const TimePoint now = clock_.now();
  if (now - shown_ < pause) {
    return;
  }
  shown_ = now;
  const report::Style style = style_err(console_);
  if (redraw) {
    // A line that fills the last column, or breaks, cannot be redrawn in place. The width is asked
    // for each time: the window may have changed.
    const std::optional<std::size_t> width = terminal_width(STDERR_FILENO);
    console_.status(
        report::progress_text(progress, style, width ? std::optional(*width - 1) : std::nullopt));
  } else {
    console_.note(report::progress_text(progress, style));
  }
}

namespace {

/// Budget and plan were told before the run; a group is in the progress line.
bool tells_something_new(memory::MemoryEvent::Kind kind) {
  using Kind = memory::MemoryEvent::Kind;
  return kind != Kind::kBudget && kind != Kind::kPlan && kind != Kind::kGroup;
}

}  // namespace

void ProgressLine::on_memory_event(const memory::MemoryEvent& event) {
  using Kind = memory::MemoryEvent::Kind;
  const int verbosity = console_.options().verbosity;
  const std::string group = event.group.empty() ? "" : fmt::format(" (group {})", event.group);
  const std::string freed = event.freed
                                ? fmt::format("; freed {}",
                                              to_string(Bytes(static_cast<std::uint64_t>(
                                                  std::max<std::int64_t>(0, *event.freed)))))
                                : "";
  if (event.kind == Kind::kBroken) {
    console_.note(fmt::format("warning: memory: {}{}", event.reason, group));
  } else if (event.kind == Kind::kClean && verbosity >= 1) {
    console_.note(fmt::format("clean-up, {}: {}{}{}", event.detail, event.reason, freed, group));
  } else if (tells_something_new(event.kind) && verbosity >= 1) {
    console_.note(
        fmt::format("memory, {}: {}{}", memory::to_string(event.kind), event.reason, group));
  }
}

void ProgressLine::on_death(const run::DeathRecord& death) {
  if (console_.options().verbosity >= 0) {
    console_.note(
        fmt::format("warning: worker: it died ({}); a new one goes on", death.death.evidence));
  }
}

}  // namespace headroom::cli
