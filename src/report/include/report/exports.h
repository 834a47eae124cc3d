#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "base/json.h"
#include "run/journal.h"
#include "run/results.h"

namespace headroom::report {

/// {"schema": "headroom.summary/1", …}: docs/reference/records.md.
Json summary_json(const run::RunResults& results);

/// Calls `line` with each record of answers.jsonl ("headroom.answer/1"), without its line feed; an
/// item without an answer yet has none.
void for_each_answer_line(const run::JournalReader& journal,
                          const std::string& metric,
                          const std::function<void(const std::string&)>& line);

/// The same for memory.jsonl ("headroom.memory/1"): readings, memory events and deaths, in order
/// of time.
void for_each_memory_line(const run::JournalReader& journal,
                          const std::function<void(const std::string&)>& line);

/// What the replaced tool's --save-results wrote, under its own scoring: docs/reference/records.md.
Json legacy_results_json(const run::JournalReader& journal);

/// Writes summary.json, answers.jsonl and memory.jsonl (and vqa_results.json where the
/// specification asks for the replaced tool's) into the run's folder, each whole or not at
/// all, from the journal alone. `metric` empty: the run's own. Memory: one record at a time.
/// Throws ResourceError("E-DISK-FULL", "E-WRITE").
run::RunResults rebuild_exports(const run::JournalReader& journal, const std::string& metric = {});

}  // namespace headroom::report
