#include "results_lines.h"

#include <fmt/format.h>

#include "base/outcome.h"
#include "text.h"

namespace headroom::report {

using run::ModelResults;

std::string peak_cell(const ModelResults& model, const Style& style) {
  if (!model.measured_peak) {
    return "–";
  }
  const std::string text =
      model.budget
          ? fmt::format("{} of {}", to_string(*model.measured_peak), to_string(*model.budget))
          : to_string(*model.measured_peak);
  return toned(text, model.budget_kept().value_or(true) ? Tone::kPlain : Tone::kBad, style);
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

std::string failures_line(const scoring::Counts& counts) {
  std::string text;
  for (const auto& [outcome, count] : counts.outcomes) {
    if (outcome != Outcome::kAnswered && count > 0) {
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", to_string(outcome), grouped(count));
    }
  }
  return text;
}

std::optional<Unfinished> unfinished(const ModelResults& model,
                                     run::RunState state,
                                     std::string_view unit) {
  const auto& not_run = model.model.spec.not_run;
  if (model.pending == 0 && !not_run) {
    return std::nullopt;
  }
  const std::string why =
      not_run ? fmt::format("{} [{}]", not_run->reason, not_run->code) : std::string();
  if (!model.begun()) {
    return not_run ? Unfinished{"not run", why}
                   : Unfinished{"waiting",
                                fmt::format("none of {} asked yet", counted(model.items, unit))};
  }
  const std::string far =
      fmt::format("{} of {}", grouped(model.items - model.pending), counted(model.items, unit));
  if (not_run) {
    return Unfinished{"stopped", fmt::format("after {}: {}", far, why)};
  }
  return state == run::RunState::kRunning ? Unfinished{"so far", far}
                                          : Unfinished{"stopped", "after " + far};
}

}  // namespace headroom::report
