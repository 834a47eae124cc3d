#include "base/errors.h"
#include "commands.h"
#include "progress_line.h"
#include "report/exports.h"
#include "report/terminal.h"
#include "run/folder.h"
#include "run/journal.h"
#include "run/results.h"

namespace headroom::cli {

ExitCode run_runs(Context& context) {
  const auto folders = run::list_runs(context.settings.text("out"));
  if (context.settings.on("json")) {
    context.console.out(dump_json(report::runs_json(folders)) + "\n");
  } else {
    context.console.out(report::runs_text(folders, style_out(context.console)));
  }
  return ExitCode::kAllAnswered;
}

ExitCode run_show(Context& context) {
  const auto& words = context.settings.positionals();
  const std::string name = words.empty() ? "last" : words.front();
  const run::JournalReader journal =
      run::JournalReader::open(run::find_run(name, context.settings.text("out")));
  const bool json = context.settings.on("json");
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
    context.console.out(json ? dump_json(report::show_item_json(journal, "", words[1])) + "\n"
                             : report::show_item_text(journal, "", words[1], style));
  } else if (json) {
    context.console.out(dump_json(report::summary_json(run::results_of(journal))) + "\n");
  } else {
    context.console.out(report::show_run_text(journal, "", style));
  }
  return ExitCode::kAllAnswered;
}

}  // namespace headroom::cli
