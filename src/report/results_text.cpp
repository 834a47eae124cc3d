#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/outcome.h"
#include "report/terminal.h"
#include "text.h"

namespace headroom::report {

namespace {

using run::ModelResults;

std::string peak_cell(const ModelResults& model) {
  if (!model.measured_peak) {
    return "–";
  }
  return model.budget
             ? fmt::format("{} of {}", to_string(*model.measured_peak), to_string(*model.budget))
             : to_string(*model.measured_peak);
}

std::string speed_cell(const ModelResults& model) {
  return model.questions_per_second ? fmt::format("{:.1f}", *model.questions_per_second) : "–";
}

std::size_t scored_of(const ModelResults& model) {
  return model.accuracy ? model.accuracy->count : 0;
}

void add_row(Table& table, const ModelResults& model, const Style& style) {
  const std::uint64_t ended = model.items - model.pending;
  const bool all = model.counts.answered() == model.items;
  const bool kept = model.budget_kept().value_or(true);
  table.add({toned(model.model.spec.name, Tone::kStrong, style),
             accuracy_text(model.accuracy),
             accuracy_text(model.accuracy_answered ? std::optional(scoring::Estimate{
                                                         .count = model.accuracy_answered->count,
                                                         .mean = model.accuracy_answered->mean})
                                                   : std::nullopt),
             fmt::format("{}/{}", grouped(model.counts.correct), grouped(scored_of(model))),
             toned(fmt::format("{}/{}", grouped(model.counts.answered()), grouped(ended)),
                   all ? Tone::kPlain : Tone::kWarning,
                   style),
             speed_cell(model),
             toned(peak_cell(model), kept ? Tone::kPlain : Tone::kBad, style)});
}

std::string failures_line(const ModelResults& model) {
  std::string text;
  for (const auto& [outcome, count] : model.counts.outcomes) {
    if (outcome != Outcome::kAnswered && count > 0) {
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", to_string(outcome), grouped(count));
    }
  }
  return text;
}

std::string counts_line(const ModelResults& model) {
  const scoring::Counts& counts = model.counts;
  std::string text =
      fmt::format("{} correct, {} wrong", grouped(counts.correct), grouped(counts.wrong));
  if (counts.unparsed > 0) {
    text += fmt::format(", {} unparsed", grouped(counts.unparsed));
  }
  if (counts.refused > 0) {
    text += fmt::format(", {} refused", grouped(counts.refused));
  }
  if (counts.unanswered() > 0) {
    text +=
        fmt::format(", {} not answered ({})", grouped(counts.unanswered()), failures_line(model));
  }
  if (counts.unscored > 0) {
    text += fmt::format("; {} without a reference, not scored", grouped(counts.unscored));
  }
  if (model.pending > 0) {
    text += fmt::format("; {} of {} not asked yet", grouped(model.pending), grouped(model.items));
  }
  return text;
}

std::string time_line(const ModelResults& model) {
  return fmt::format(
      "asking {} (preprocess {}, encode {}, prefill {}, decode {}, other {}), "
      "load {}",
      duration_text(model.asking_seconds),
      duration_text(model.phases.preprocess),
      duration_text(model.phases.encode),
      duration_text(model.phases.prefill),
      duration_text(model.phases.decode),
      duration_text(model.other_seconds),
      duration_text(model.load_seconds));
}

std::string memory_line(const ModelResults& model) {
  std::string text;
  if (model.measured_peak) {
    text = fmt::format("peak {} measured", to_string(*model.measured_peak));
    if (model.planned_peak) {
      text += fmt::format(", {} planned ({})",
                          to_string(*model.planned_peak),
                          deviation_text(*model.measured_peak, *model.planned_peak));
    }
  } else {
    text = "peak not measured";
  }
  if (const auto kept = model.budget_kept(); kept && model.budget) {
    text += fmt::format(", budget {}: {}", to_string(*model.budget), *kept ? "kept" : "BROKEN");
  }
  text += fmt::format("; {} freed {}",
                      counted(model.cleanups, "clean-up"),
                      to_string(Bytes(static_cast<std::uint64_t>(model.cleanups_freed_bytes))));
  if (model.worker_restarts > 0) {
    text += fmt::format("; engine started again {}", counted(model.worker_restarts, "time"));
  }
  return text;
}

/// One for each engine whose answers are among those of the last one.
std::string earlier_lines(const ModelResults& model) {
  std::string text;
  for (std::size_t i = 0; i < model.model.earlier.size(); ++i) {
    const run::EarlierEngine& earlier = model.model.earlier[i];
    text += fmt::format("  earlier  {} until {} by {} {} on {} in {}, model {}\n",
                        counted(model.earlier_answers.at(i), "answer"),
                        earlier.until,
                        earlier.engine,
                        earlier.engine_version,
                        earlier.device,
                        earlier.dtype,
                        earlier.hash.substr(0, 8));
  }
  return text;
}

/// The names of pictures are enough to find them.
std::string_view without_folders(std::string_view reason) {
  const std::size_t end = reason.find(": ");
  const std::size_t slash = reason.substr(0, end).rfind('/');
  const bool path = reason.starts_with('/') || reason.starts_with("./");
  return path && end != std::string_view::npos ? reason.substr(slash + 1) : reason;
}

std::string types_line(const ModelResults& model) {
  std::string text;
  for (const auto& [type, estimate] : model.by_answer_type) {
    text += fmt::format("{}{} {} of {}",
                        text.empty() ? "" : ", ",
                        type,
                        percent(estimate.mean),
                        grouped(estimate.count));
  }
  return text;
}

}  // namespace

std::string results_text(const run::RunResults& results, const Style& style) {
  std::string text = fmt::format("{} · {} · {} · scored by {}\n\n",
                                 results.run.id,
                                 results.run.spec.data.label,
                                 counted(results.run.items, "question"),
                                 results.metric);
  Table table;
  table.add({"model",
             "accuracy [95 %]",
             "of answered",
             "correct",
             "answered",
             "questions/s",
             "memory peak"});
  for (const ModelResults& model : results.models) {
    add_row(table, model, style);
  }
  text += table.text();
  for (const ModelResults& model : results.models) {
    text += results.models.size() > 1 ? "\n" + model.model.spec.name + "\n" : "\n";
    text += "  answers  " + counts_line(model) + "\n";
    if (!model.by_answer_type.empty()) {
      text += "  types    " + types_line(model) + "\n";
    }
    text += earlier_lines(model);
    text += "  time     " + time_line(model) + "\n";
    text += "  memory   " + memory_line(model) + "\n";
    if (!model.unload_text.empty()) {
      text += "           " + model.unload_text + "\n";
    }
  }
  return spelt(std::move(text), style);
}

std::string unanswered_text(const ModelResults& model, const Style& style) {
  constexpr std::size_t kShown = 20;
  const auto& ids = model.unanswered_ids;
  if (ids.empty()) {
    return {};
  }
  const std::vector<std::string> first(
      ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(std::min(ids.size(), kShown)));
  std::string text = fmt::format("{}: {} without an answer: {}{}\n",
                                 model.model.spec.name,
                                 model.counts.unanswered() + model.pending,
                                 fmt::join(first, ", "),
                                 ids.size() > kShown ? ", ..." : "");
  for (const run::FailureReason& failure : model.reasons) {
    const std::uint64_t more = failure.count - failure.ids.size();
    const std::string who =
        fmt::format("  {}{}: ",
                    fmt::join(failure.ids, ", "),
                    more == 0 ? "" : fmt::format(" and {} more", grouped(more)));
    text += shortened(who + std::string(without_folders(failure.reason)), style.width) + "\n";
  }
  return spelt(std::move(text), style);
}

}  // namespace headroom::report
