#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "report/memory_chart.h"
#include "report/terminal.h"
#include "run/results.h"
#include "text.h"
#include "values_json.h"

namespace headroom::report {

namespace {

using memory::MemoryEvent;
using run::JournalReader;

/// Spans that are kept for a chart, of runs of any length.
constexpr std::size_t kSpans = 2048;

/// Clean-ups of one policy and strength.
struct CleanUps {
  std::uint64_t count = 0;
  std::uint64_t fruitless = 0;
  std::int64_t freed = 0;
  double seconds = 0;
};

/// How far a measured peak was from what was expected of its group, as a share of that.
struct Deviation {
  double share = 0;
  std::string group;
};

struct Deviations {
  std::uint64_t groups = 0;
  double sum = 0;
  double absolute_sum = 0;
  // Of nothing when there is no group.
  Deviation highest;
  Deviation lowest;

  void see(double share, const std::string& group) {
    if (groups == 0 || share > highest.share) {
      highest = {share, group};
    }
    if (groups == 0 || share < lowest.share) {
      lowest = {share, group};
    }
    ++groups;
    sum += share;
    absolute_sum += std::abs(share);
  }

  double mean() const { return sum / static_cast<double>(groups); }

  double mean_absolute() const { return absolute_sum / static_cast<double>(groups); }
};

/// One model's memory in a run.
struct ModelMemory {
  std::string name;
  MemoryChart chart;
  memory::ReadingSeries series{kSpans};
  std::uint64_t readings = 0;
  std::string budget_source;
  run::PeakRecord peak;  ///< of the stretch that came nearest to its own budget
  std::map<std::pair<std::string, std::string>, CleanUps> cleanups;  ///< by strength and policy
  std::map<std::string, std::uint64_t> counts;                       ///< of the other kinds
  Deviations from_plan;
  Deviations from_prediction;

  std::optional<bool> budget_kept() const {
    if (!peak.budget || !peak.measured) {
      return std::nullopt;
    }
    return *peak.measured <= *peak.budget;
  }
};

std::optional<std::uint64_t> number_in(const MemoryEvent& event, const char* name) {
  const auto found = event.numbers.find(name);
  if (found == event.numbers.end() || !found->is_number_unsigned()) {
    return std::nullopt;
  }
  return found->get<std::uint64_t>();
}

/// Journals of earlier programs have the policy in the reason only.
std::string policy_of(const MemoryEvent& event) {
  return event.numbers.value("policy", event.reason.substr(0, event.reason.find(':')));
}

void see_budget(ModelMemory& model, const MemoryEvent& event) {
  const std::string counter = event.numbers.value("counter", std::string());
  model.chart.counter = counter == memory::to_string(memory::Counter::kDevice)
                            ? memory::Counter::kDevice
                            : memory::Counter::kFootprint;
  if (const auto limit = number_in(event, "limit_bytes")) {
    model.chart.budget = Bytes(*limit);
  }
  model.budget_source = event.reason;
}

void see_cleanup(ModelMemory& model, const MemoryEvent& event) {
  CleanUps& all = model.cleanups[{event.detail, policy_of(event)}];
  ++all.count;
  all.fruitless += event.numbers.value("fruitless", false) ? 1 : 0;
  all.freed += std::max<std::int64_t>(0, event.freed.value_or(0));
  all.seconds += seconds(event.duration);
  model.chart.marks.push_back({event.time,
                               event.detail == memory::to_string(memory::Clean::kAggressive)
                                   ? MarkKind::kAggressiveClean
                                   : MarkKind::kNormalClean});
}

void see_group(ModelMemory& model, const MemoryEvent& event) {
  const auto measured = number_in(event, "measured_peak_bytes");
  const auto see = [&](Deviations& deviations, const char* name) {
    const auto expected = number_in(event, name);
    if (expected && measured && *expected > 0) {
      deviations.see(static_cast<double>(*measured) / static_cast<double>(*expected) - 1.0,
                     event.group);
    }
  };
  see(model.from_plan, "planned_peak_bytes");
  see(model.from_prediction, "predicted_peak_bytes");
}

void see(ModelMemory& model, const MemoryEvent& event) {
  static const std::map<MemoryEvent::Kind, MarkKind> marks = {
      {MemoryEvent::Kind::kRung, MarkKind::kRung},
      {MemoryEvent::Kind::kRefuse, MarkKind::kRefusal},
      {MemoryEvent::Kind::kPressure, MarkKind::kPressure},
      {MemoryEvent::Kind::kBroken, MarkKind::kBroken}};
  if (event.kind == MemoryEvent::Kind::kClean) {
    see_cleanup(model, event);
    return;
  }
  ++model.counts[std::string(memory::to_string(event.kind))];
  if (const auto mark = marks.find(event.kind); mark != marks.end()) {
    model.chart.marks.push_back({event.time, mark->second});
  } else if (event.kind == MemoryEvent::Kind::kBudget) {
    see_budget(model, event);
  } else if (event.kind == MemoryEvent::Kind::kGroup) {
    see_group(model, event);
  }
}

void see(ModelMemory& model, const memory::ReadingSpan& span) {
  model.readings += span.readings;
  model.series.add(span);
}

/// What one pass over the journal gives. Memory: bounded but for 16 bytes a mark.
std::vector<ModelMemory> memory_of(const JournalReader& journal) {
  std::vector<ModelMemory> models;
  for (const run::ModelRecord& record : journal.models()) {
    ModelMemory model;
    model.name = record.spec.name;
    model.chart.budget = record.budget;
    model.peak = journal.nearest_peak(record.no);
    models.push_back(std::move(model));
  }
  journal.for_each_memory_entry([&](const run::MemoryEntry& entry) {
    if (const auto* const span = std::get_if<run::SpanRecord>(&entry.what)) {
      if (span->model < models.size()) {
        see(models[span->model], span->span);
      }
    } else if (const auto* const event = std::get_if<run::MemoryRecord>(&entry.what)) {
      if (event->model < models.size()) {
        see(models[event->model], event->event);
      }
    } else if (const auto* const death = std::get_if<run::DeathRecord>(&entry.what);
               death != nullptr && death->model < models.size()) {
      ModelMemory& model = models[death->model];
      ++model.counts[fmt::format("death, {}", backends::to_string(death->death.kind))];
      model.chart.marks.push_back({entry.time, MarkKind::kDeath});
    }
  });
  for (ModelMemory& model : models) {
    model.chart.spans = model.series.drain();
  }
  return models;
}

std::string signed_percent(double share) { return fmt::format("{:+.1f} %", share * 100.0); }

std::string peak_line(const ModelMemory& model) {
  const std::optional<Bytes>& measured = model.peak.measured;
  const std::optional<Bytes>& budget = model.peak.budget;
  if (!measured) {
    return "not measured";
  }
  if (!budget) {
    return to_string(*measured);
  }
  return fmt::format("{} of {} ({}): {}",
                     to_string(*measured),
                     to_string(*budget),
                     percent(static_cast<double>(measured->count()) /
                             std::max(1.0, static_cast<double>(budget->count()))),
                     *measured <= *budget ? "kept" : "BROKEN");
}

std::string deviations_line(const Deviations& deviations, std::string_view expected) {
  if (deviations.groups == 0) {
    return "no group to compare";
  }
  return fmt::format(
      "{} groups: measured against {} {} on average (absolute {})\n"
      "            highest {} (group {}), lowest {} (group {})",
      grouped(deviations.groups),
      expected,
      signed_percent(deviations.mean()),
      percent(deviations.mean_absolute()),
      signed_percent(deviations.highest.share),
      deviations.highest.group,
      signed_percent(deviations.lowest.share),
      deviations.lowest.group);
}

std::string readings_line(const ModelMemory& model) {
  if (model.chart.spans.empty()) {
    return "none";
  }
  return fmt::format("{} from {} to {}",
                     grouped(model.readings),
                     iso_time(model.chart.spans.front().begin),
                     iso_time(model.chart.spans.back().end()));
}

std::string events_table(const ModelMemory& model, const Style& style) {
  Table table;
  table.add({"what happened", "count", "fruitless", "freed", "took"});
  for (const auto& [key, all] : model.cleanups) {
    table.add({fmt::format("clean-up, {}: {}", key.first, key.second),
               grouped(all.count),
               grouped(all.fruitless),
               to_string(Bytes(static_cast<std::uint64_t>(all.freed))),
               duration_text(all.seconds)});
  }
  for (const auto& [kind, count] : model.counts) {
    table.add({kind, grouped(count)});
  }
  return table.text(style.width);
}

Json cleanups_json(const ModelMemory& model) {
  Json list = Json::array();
  for (const auto& [key, all] : model.cleanups) {
    list.push_back({{"detail", key.first},
                    {"policy", key.second},
                    {"count", all.count},
                    {"fruitless", all.fruitless},
                    {"freed_bytes", all.freed},
                    {"seconds", all.seconds}});
  }
  return list;
}

Json deviation_json(const Deviation& deviation) {
  return {{"share", deviation.share}, {"group", deviation.group}};
}

Json deviations_json(const Deviations& deviations) {
  if (deviations.groups == 0) {
    return {{"groups", 0}};
  }
  return {{"groups", deviations.groups},
          {"mean", deviations.mean()},
          {"mean_absolute", deviations.mean_absolute()},
          {"highest", deviation_json(deviations.highest)},
          {"lowest", deviation_json(deviations.lowest)}};
}

Json marks_json(const MemoryChart& chart) {
  static const std::map<MarkKind, const char*> names = {
      {MarkKind::kNormalClean, "clean, normal"},
      {MarkKind::kAggressiveClean, "clean, aggressive"},
      {MarkKind::kRung, "rung"},
      {MarkKind::kRefusal, "refuse"},
      {MarkKind::kPressure, "pressure"},
      {MarkKind::kDeath, "death"},
      {MarkKind::kBroken, "broken"}};
  Json list = Json::array();
  for (const ChartMark& mark : chart.marks) {
    list.push_back({{"time", iso_time_milliseconds(mark.time)}, {"kind", names.at(mark.kind)}});
  }
  return list;
}

Json model_json(const ModelMemory& model) {
  Json series = Json::array();
  for (const memory::ReadingSpan& span : model.chart.spans) {
    series.push_back(memory::to_json(span));
  }
  const std::optional<bool> kept = model.budget_kept();
  return {{"name", model.name},
          {"counter", memory::to_string(model.chart.counter)},
          {"budget_bytes", bytes_or_null(model.chart.budget)},
          {"measured_peak_bytes", bytes_or_null(model.peak.measured)},
          {"budget_kept", or_null(kept)},
          {"readings", model.readings},
          {"cleanups", cleanups_json(model)},
          {"counts", model.counts},
          {"plan", deviations_json(model.from_plan)},
          {"prediction", deviations_json(model.from_prediction)},
          {"marks", marks_json(model.chart)},
          {"series", std::move(series)}};
}

}  // namespace

std::string show_memory_text(const JournalReader& journal, const Style& style) {
  const run::RunRecord run = journal.run();
  std::string text = fmt::format(
      "run {} · {} · memory\n", run.id, to_string(run::present_state(run, journal.folder())));
  for (const ModelMemory& model : memory_of(journal)) {
    text += fmt::format("\n{} · {}{}\n\n",
                        model.name,
                        memory::to_string(model.chart.counter),
                        model.budget_source.empty() ? "" : " · budget " + model.budget_source);
    text += chart_text(model.chart, style) + "\n" + events_table(model, style);
    text += fmt::format("\npeak        {}\nplan        {}\nprediction  {}\nreadings    {}\n",
                        peak_line(model),
                        deviations_line(model.from_plan, "planned"),
                        deviations_line(model.from_prediction, "predicted"),
                        readings_line(model));
  }
  return spelt(std::move(text), style);
}

Json show_memory_json(const JournalReader& journal) {
  const run::RunRecord run = journal.run();
  Json models = Json::array();
  for (const ModelMemory& model : memory_of(journal)) {
    models.push_back(model_json(model));
  }
  return {{"schema", "headroom.memory_overview/1"},
          {"run", run.id},
          {"state", to_string(run::present_state(run, journal.folder()))},
          {"models", std::move(models)}};
}

}  // namespace headroom::report
