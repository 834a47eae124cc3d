#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "console.h"
#include "report/terminal.h"
#include "run/runner.h"
#include "scoring/scorers.h"

namespace headroom::cli {

/// Shows a run while it goes on: one line redrawn in place on a terminal (at most 10 times a
/// second), else a plain line every 30 seconds; with -v each question with its answer, verdict,
/// time and memory, and each clean-up; with -vv each prompt.
class ProgressLine final : public run::Observer {
 public:
  /// `metric`: a scorer's name, for the verdicts.
  ProgressLine(Console& console, const Clock& clock, const std::string& metric)
      : console_(console),
        clock_(clock),
        scorer_(scoring::make_scorer(metric)),
        shown_(clock.now()) {}

  ~ProgressLine() override { console_.status(""); }

  void on_loaded(const run::ModelRecord& model) override;
  void on_answer(const run::ItemRecord& item,
                 const run::AnswerRecord& answer,
                 const run::Progress& progress) override;
  void on_progress(const run::Progress& progress) override;
  void on_memory_event(const memory::MemoryEvent& event) override;
  void on_death(const run::DeathRecord& death) override;

 private:
  void show(const run::Progress& progress);

  Console& console_;
  const Clock& clock_;
  std::unique_ptr<scoring::Scorer> scorer_;
  TimePoint shown_;  ///< when the last line was
};

/// The style of texts for one of the two outputs.
report::Style style_out(const Console& console);
report::Style style_err(const Console& console);

}  // namespace headroom::cli
