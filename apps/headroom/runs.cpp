#include <fmt/format.h>

#include "base/errors.h"
#include "commands.h"
#include "pictures_shown.h"
#include "progress_line.h"
#include "report/exports.h"
#include "report/terminal.h"
#include "run/folder.h"
#include "run/journal.h"
#include "run/results.h"
#include "scoring/profile.h"

namespace headroom::cli {

ExitCode run_runs(Context& context) {
  const std::string out = context.settings.text("out");
  const auto folders = run::list_runs(out);
  if (context.settings.on("json")) {
    context.console.out(dump_json(report::runs_json(folders)) + "\n");
  } else {
    context.console.out(folders.empty() ? fmt::format("no runs in {}\n", out)
                                        : report::runs_text(folders, style_out(context.console)));
  }
  return ExitCode::kAllAnswered;
}

namespace {

/// The metric of --profile; empty without it: the run's own.
std::string metric_of_profile(const Settings& settings, const run::JournalReader& journal) {
  if (!settings.given("profile")) {
    return {};
  }
  if (journal.run().spec.test != run::TestKind::kVqa) {
    throw UsageError("E-USAGE-FLAG",
                     fmt::format("{}: belongs to questions with answers; this run is one of {}",
                                 settings.origin("profile"),
                                 run::to_string(journal.run().spec.test)));
  }
  std::string metric = journal.run().spec.metric;
  if (scoring::profile_of(metric) != "official") {  // what the data's own is, their answers tell
    metric = "exact";
    journal.for_each_item([&](const run::ItemRecord& item) {
      metric = item.item.truth.references.size() > 1 ? "vqa-accuracy" : metric;
    });
  }
  return scoring::metrics_of(settings.text("profile"), metric).front();
}

/// One question: its pictures, where the terminal shows them, then everything about it.
void show_item(Context& context,
               const run::JournalReader& journal,
               const std::string& metric,
               const std::string& id) {
  if (context.settings.on("json")) {
    context.console.out(dump_json(report::show_item_json(journal, metric, id)) + "\n");
    return;
  }
  const std::string text = report::show_item_text(journal, metric, id, style_out(context.console));
  context.console.out(pictures_shown(context, journal, id) + text);
}

}  // namespace

ExitCode run_show(Context& context) {
  const auto& words = context.settings.positionals();
  const std::string name = words.empty() ? "last" : words.front();
  const run::JournalReader journal =
      run::JournalReader::open(run::find_run(name, context.settings.text("out")));
  const bool json = context.settings.on("json");
  const std::string metric = metric_of_profile(context.settings, journal);
  const report::Style style = style_out(context.console);
  if (context.settings.on("memory")) {
    if (words.size() > 1) {
      throw UsageError(
          "E-USAGE-WORD",
          "headroom show: --memory is about a whole run; leave out '" + words[1] + "'");
    }
    context.console.out(json ? dump_json(report::show_memory_json(journal)) + "\n"
                             : report::show_memory_text(journal, style));
  } else if (words.size() > 1) {
    show_item(context, journal, metric, words[1]);
  } else if (json) {
    context.console.out(dump_json(report::summary_json(run::results_of(journal, metric))) + "\n");
  } else {
    context.console.out(report::show_run_text(journal, metric, style));
  }
  return ExitCode::kAllAnswered;
}

}  // namespace headroom::cli
