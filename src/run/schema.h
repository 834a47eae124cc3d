#pragma once

#include <cstdint>

namespace headroom::run {

/// "HdRm": tells our journals from other programs' SQLite files.
inline constexpr std::int64_t kApplicationId = 0x4864526d;

/// Columns of a table `answer` row, in the order in which rows.cpp binds and reads them.
#define HEADROOM_ANSWER_COLUMNS                                                             \
  "model, seq, outcome, text, error, error_code, token_ids, stopped, prompt_tokens, "       \
  "image_tokens, prefilled_tokens, log_probs, extra, preprocess, encode, prefill, decode, " \
  "before, after, rung, planned_peak, measured_peak, asked_at"

/// Of memory_series, in the order in which series_store.cpp binds and reads them.
#define HEADROOM_SERIES_COLUMNS                                                                \
  "time, model, width, readings, phase, grp, footprint_low, footprint_high, footprint_last, "  \
  "active_low, active_high, active_last, cache_low, cache_high, cache_last, device_low, "      \
  "device_high, device_last, available_low, available_high, available_last, device_free_low, " \
  "device_free_high, device_free_last"

#define HEADROOM_ITEM_COLUMNS                                                      \
  "seq, id, hash, grp, cluster, line, question, conversation, refs, answer_type, " \
  "question_type, pictures, defect, defect_outcome, arm, dialogue, turn"

/// The readings over time: spans that begin at whole multiples of their width (milliseconds).
#define HEADROOM_MEMORY_SERIES                                                                   \
  "CREATE TABLE memory_series( "                                                                 \
  "time INTEGER NOT NULL, model INTEGER NOT NULL, width INTEGER NOT NULL, readings INTEGER NOT " \
  "NULL, "                                                                                       \
  "phase TEXT NOT NULL, grp TEXT, footprint_low INTEGER, footprint_high INTEGER, "               \
  "footprint_last INTEGER, active_low INTEGER, active_high INTEGER, active_last INTEGER, "       \
  "cache_low INTEGER, cache_high INTEGER, cache_last INTEGER, device_low INTEGER, "              \
  "device_high INTEGER, device_last INTEGER, available_low INTEGER, available_high INTEGER, "    \
  "available_last INTEGER, device_free_low INTEGER, device_free_high INTEGER, "                  \
  "device_free_last INTEGER, PRIMARY KEY(time, model)) WITHOUT ROWID; "

/// Version 4. NULL stands for an empty text or an unread sensor. Sizes are integers of bytes, times
/// are seconds, moments ISO texts (of readings: milliseconds since 1970).
/// docs/reference/journal.md.
inline constexpr const char* kSchema = R"sql(
CREATE TABLE run(
  id TEXT NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL, state TEXT NOT NULL,
  specification TEXT NOT NULL, data_hash TEXT);
CREATE TABLE model(
  no INTEGER PRIMARY KEY, spec TEXT NOT NULL, engine TEXT, engine_version TEXT, device TEXT,
  dtype TEXT, family TEXT, parameters INTEGER, weights INTEGER, budget INTEGER,
  planned_peak INTEGER, plan TEXT, notices TEXT, load_seconds REAL, loads INTEGER, earlier TEXT,
  learnt TEXT);
CREATE TABLE item(
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, hash TEXT NOT NULL, grp INTEGER NOT NULL,
  cluster INTEGER NOT NULL, line INTEGER, question TEXT, conversation TEXT, refs TEXT,
  answer_type TEXT, question_type TEXT, pictures TEXT, defect TEXT,
  defect_outcome TEXT, arm TEXT, dialogue TEXT, turn INTEGER);
CREATE INDEX item_by_group ON item(grp, seq);
CREATE TABLE picture(hash TEXT PRIMARY KEY, bytes BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE answer(
  model INTEGER NOT NULL REFERENCES model(no),
  seq INTEGER NOT NULL REFERENCES item(seq) DEFERRABLE INITIALLY DEFERRED, outcome TEXT NOT NULL, text TEXT, error TEXT,
  error_code TEXT, token_ids TEXT, stopped INTEGER, prompt_tokens INTEGER, image_tokens INTEGER,
  prefilled_tokens INTEGER, log_probs TEXT, extra TEXT, preprocess REAL, encode REAL, prefill REAL,
  decode REAL, before INTEGER, after INTEGER, rung TEXT, planned_peak INTEGER,
  measured_peak INTEGER, asked_at TEXT, PRIMARY KEY(seq, model)) WITHOUT ROWID;
CREATE TABLE superseded(
  why TEXT NOT NULL, id TEXT NOT NULL, hash TEXT NOT NULL, question TEXT,
  model INTEGER, seq INTEGER, outcome TEXT, text TEXT, error TEXT, error_code TEXT, token_ids TEXT,
  stopped INTEGER, prompt_tokens INTEGER, image_tokens INTEGER, prefilled_tokens INTEGER,
  log_probs TEXT, extra TEXT, preprocess REAL, encode REAL, prefill REAL, decode REAL,
  before INTEGER, after INTEGER, rung TEXT, planned_peak INTEGER, measured_peak INTEGER,
  asked_at TEXT);
CREATE TABLE asked(
  no INTEGER PRIMARY KEY, model INTEGER NOT NULL, grp INTEGER NOT NULL, seconds REAL NOT NULL,
  answers INTEGER NOT NULL, measured_peak INTEGER, planned_peak INTEGER, budget INTEGER);
CREATE TABLE memory_event(
  no INTEGER PRIMARY KEY, model INTEGER NOT NULL, time INTEGER NOT NULL, kind TEXT NOT NULL,
  grp TEXT, detail TEXT, reason TEXT, freed INTEGER, seconds REAL, before INTEGER, after INTEGER,
  numbers TEXT, phase TEXT, item TEXT);
CREATE TABLE reading(
  no INTEGER PRIMARY KEY, time INTEGER NOT NULL, active INTEGER, cache INTEGER, peak INTEGER,
  worker_footprint INTEGER, worker_footprint_peak INTEGER, supervisor_footprint INTEGER,
  system_available INTEGER, cgroup_used INTEGER, cgroup_limit INTEGER, device_used INTEGER,
  device_free INTEGER);
CREATE TABLE death(
  no INTEGER PRIMARY KEY, model INTEGER NOT NULL, grp INTEGER, time TEXT NOT NULL,
  kind TEXT NOT NULL, detail INTEGER, evidence TEXT);
)sql" HEADROOM_MEMORY_SERIES;

/// Makes a file of version 1 one of version 2, when a run goes on.
inline constexpr const char* kToVersion2 = R"sql(
ALTER TABLE model ADD COLUMN earlier TEXT;
ALTER TABLE asked ADD COLUMN planned_peak INTEGER;
ALTER TABLE asked ADD COLUMN budget INTEGER;
ALTER TABLE memory_event ADD COLUMN phase TEXT;
ALTER TABLE memory_event ADD COLUMN item TEXT;
)sql" HEADROOM_MEMORY_SERIES;

/// Makes a file of version 2 one of version 3.
inline constexpr const char* kToVersion3 = R"sql(
ALTER TABLE item ADD COLUMN arm TEXT;
ALTER TABLE item ADD COLUMN dialogue TEXT;
ALTER TABLE item ADD COLUMN turn INTEGER;
)sql";

/// Makes a file of version 3 one of version 4, which only a run that goes on reads more of.
inline constexpr const char* kToVersion4 = "ALTER TABLE model ADD COLUMN learnt TEXT;";

/// Shows a file of version 1 as one of version 2 to a connection that only reads: a temporary name
/// goes before the file's own.
inline constexpr const char* kAsVersion2 = R"sql(
CREATE TEMP VIEW model AS SELECT *, NULL AS earlier FROM main.model;
CREATE TEMP VIEW asked AS SELECT *, NULL AS planned_peak, NULL AS budget FROM main.asked;
CREATE TEMP VIEW memory_event AS SELECT *, NULL AS phase, NULL AS item FROM main.memory_event;
CREATE TEMP TABLE memory_series()sql" HEADROOM_SERIES_COLUMNS ");";

/// The same for a file of version 2 as one of version 3.
inline constexpr const char* kAsVersion3 =
    "CREATE TEMP VIEW item AS SELECT *, NULL AS arm, NULL AS dialogue, NULL AS turn FROM "
    "main.item;";

}  // namespace headroom::run
