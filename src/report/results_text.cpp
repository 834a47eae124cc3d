#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/outcome.h"
#include "comparison_text.h"
#include "context_text.h"
#include "describe_text.h"
#include "report/terminal.h"
#include "results_lines.h"
#include "scoring/profile.h"
#include "text.h"

namespace headroom::report {

namespace {

using run::ModelResults;

std::string speed_cell(const ModelResults& model) {
  return model.questions_per_second ? fmt::format("{:.1f}", *model.questions_per_second) : "–";
}

/// `second`: whether a second metric has a column.
void add_row(Table& table, const ModelResults& model, bool second, const Style& style) {
  const bool all = model.counts.answered() == model.items;
  std::vector<std::string> row{toned(model.model.spec.name, Tone::kStrong, style)};
  if (!model.begun()) {
    row.push_back(model.model.spec.not_run ? toned("not run", Tone::kBad, style) : "waiting");
    row.insert(row.end(), second ? 2 : 1, "–");
    row.push_back(fmt::format("0/{}", grouped(model.items)));
    row.insert(row.end(), 2, "–");
    table.add(std::move(row));
    return;
  }
  row.push_back(counted_share_text(model.accuracy));
  row.push_back(counted_mean_text(model.accuracy_answered));
  if (second) {
    row.push_back(counted_mean_text(model.second_accuracy));
  }
  row.push_back(toned(fmt::format("{}/{}", grouped(model.counts.answered()), grouped(model.items)),
                      all ? Tone::kPlain : Tone::kWarning,
                      style));
  row.push_back(speed_cell(model));
  row.push_back(peak_cell(model, style));
  table.add(std::move(row));
}

/// Verdicts on the items that the test is about, and what became of the others among them.
std::string counts_line(const ModelResults& model) {
  const scoring::Counts& counts = model.judged;
  std::string text = fmt::format("{} of {} correct, {} wrong",
                                 grouped(counts.correct),
                                 grouped(counts.total - counts.unscored),
                                 grouped(counts.wrong));
  if (counts.unparsed > 0) {
    text += fmt::format(", {} unparsed", grouped(counts.unparsed));
  }
  if (counts.refused > 0) {
    text += fmt::format(", {} refused", grouped(counts.refused));
  }
  if (counts.unanswered() > 0) {
    text +=
        fmt::format(", {} not answered ({})", grouped(counts.unanswered()), failures_line(counts));
  }
  if (counts.unscored > 0) {
    text += fmt::format("; {} without a reference, not scored", grouped(counts.unscored));
  }
  return text;
}

/// "238 of 240 questions answered; timeout 2; 5 not asked yet".
std::string all_arms_line(const ModelResults& model) {
  std::string text = fmt::format(
      "{} of {} answered", grouped(model.counts.answered()), counted(model.items, "question"));
  if (const std::string failures = failures_line(model.counts); !failures.empty()) {
    text += "; " + failures;
  }
  return model.pending == 0 ? text
                            : text + fmt::format("; {} not asked yet", grouped(model.pending));
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

/// Seconds of one question, by phase.
std::string question_line(const ModelResults& model) {
  const run::QuestionTimes& times = model.times;
  const auto phase = [](const char* name, const run::PhaseTime& time) {
    return fmt::format("{} {:.3f}/{:.3f}/{:.3f}", name, time.mean, time.median, time.p95);
  };
  return fmt::format(
      "mean/median/p95 of {}, a group's time divided among its questions, in s: {}, {}, {}, {}, "
      "{}",
      counted(times.count, "answer"),
      phase("preprocess", times.preprocess),
      phase("encode", times.encode),
      phase("prefill", times.prefill),
      phase("decode", times.decode),
      phase("together", times.together));
}

std::string pictures_line(const ModelResults& model) {
  return fmt::format("every question right about {} of {}, none about {}",
                     grouped(model.pictures.all_right),
                     counted(model.pictures.count, "picture"),
                     grouped(model.pictures.none_right));
}

}  // namespace

std::string results_text(const run::RunResults& results, const Style& style) {
  if (results.run.spec.test == run::TestKind::kDescribe) {
    return describe_text(results, style);
  }
  std::string text = fmt::format("{} · {} · {} · scored by {}, profile {}\n\n",
                                 results.run.id,
                                 results.run.spec.data.label,
                                 counted(results.run.items, "question"),
                                 results.metric,
                                 scoring::profile_of(results.metric));
  const bool context = results.run.spec.test == run::TestKind::kContext;
  const bool second = !context && !results.second_metric.empty();
  std::vector<std::string> head{"model", "accuracy [95 %] of asked", "of answered"};
  if (second) {
    head.push_back(results.second_metric);
  }
  if (context) {
    head = {"model", "facts told with history [95 %]", "of answered"};
  }
  head.insert(head.end(), {"answered", "questions/s", "memory peak"});
  Table table;
  table.add(std::move(head));
  for (const ModelResults& model : results.models) {
    add_row(table, model, second, style);
  }
  text += table.text(style.width);
  for (const ModelResults& model : results.models) {
    text += results.models.size() > 1 ? "\n" + model.model.spec.name + "\n" : "\n";
    if (const auto far = unfinished(model, results.run.state, "question")) {
      text += fmt::format("  {:<8} {}\n", far->label, far->text);
    }
    if (!model.begun()) {
      continue;
    }
    if (model.context) {
      text += context_text(*model.context, style);
    }
    if (!context || model.context->by_facts) {
      text += (context ? "  history  " : "  answers  ") + counts_line(model) + "\n";
    }
    text += context ? "  all arms " + all_arms_line(model) + "\n" : "";
    if (!context && model.pictures.count > 0) {
      text += "  pictures " + pictures_line(model) + "\n";
    }
    text += earlier_lines(model);
    text += "  time     " + time_line(model) + "\n";
    if (model.times.count > 0) {
      text += "           " + question_line(model) + "\n";
    }
    text += "  memory   " + memory_line(model) + "\n";
    if (!model.unload_text.empty()) {
      text += "           " + model.unload_text + "\n";
    }
  }
  text += context ? "" : breakdown_text(results, style);  // context_text has it by turn
  text += best_text(results);
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
  std::string text = fmt::format("{}: {} of {} without an answer: {}{}\n",
                                 model.model.spec.name,
                                 grouped(model.counts.unanswered() + model.pending),
                                 grouped(model.items),
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
