#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "run/journal.h"
#include "run/results.h"
#include "run/runner.h"

namespace headroom::report {

/// How text for people is made. Colour never carries meaning alone.
struct Style {
  bool colour = false;
  bool ascii = false;  ///< nothing outside ASCII
  /// Columns of the terminal; nothing: the text goes elsewhere, and nothing is cut.
  std::optional<std::size_t> width = std::nullopt;
};

/// Every character outside ASCII replaced by what looks like it: middle dots become "|", blocks "#"
/// and ".", dashes "-", others "?".
std::string to_ascii(std::string_view text);

/// The table of results: accuracy with its interval and denominators, outcomes, speed, memory
/// against the budget. Lines end with '\n'.
std::string results_text(const run::RunResults& results, const Style& style);

/// Which items of the model have no answer and, each on one line of a terminal, the first reasons:
/// "demo: 4 without an answer: 2, 3, 4, 5". Lines end with '\n'; empty when all were answered.
std::string unanswered_text(const run::ModelResults& model, const Style& style);

/// One line of progress, without line feed:
/// "412/1000 · 2.3 q/s · ETA 4m14s · accuracy 63.1 % [58.3–67.6] · memory 9.4/12.0 GiB ███░ peak
/// 10.8 · failed 0"
/// With a width it has at most that many columns: what matters least is left out first (the bar,
/// the peak, the speed), how far the run is never.
std::string progress_text(const run::Progress& progress,
                          const Style& style,
                          std::optional<std::size_t> width = std::nullopt);

/// `headroom runs`: one line a run, newest first. Unreadable journals are listed with the reason.
std::string runs_text(const std::vector<std::filesystem::path>& folders, const Style& style);
Json runs_json(const std::vector<std::filesystem::path>& folders);

/// `headroom show RUN`: what was run and how it stands, the table, failures, memory events.
std::string show_run_text(const run::JournalReader& journal,
                          const std::string& metric,
                          const Style& style);

/// `headroom show RUN ID`: everything about one item, for each model. Throws
/// UsageError("E-ITEM-ID") with the nearest id.
std::string show_item_text(const run::JournalReader& journal,
                           const std::string& metric,
                           const std::string& id,
                           const Style& style);
/// `headroom show RUN --memory`: for each model its memory over time, drawn; what happened, by kind
/// and policy; the peak against the budget and the plans against what was measured. Also of a run
/// that is going on, as far as it is committed.
std::string show_memory_text(const run::JournalReader& journal, const Style& style);
/// The same as "headroom.memory_overview/1".
Json show_memory_json(const run::JournalReader& journal);

/// The same as the item's answer records.
Json show_item_json(const run::JournalReader& journal,
                    const std::string& metric,
                    const std::string& id);

}  // namespace headroom::report
