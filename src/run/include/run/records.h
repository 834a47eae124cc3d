#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "backends/backend.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/json.h"
#include "datasets/item.h"
#include "memory/governor.h"
#include "memory/reading_series.h"
#include "run/grouping.h"
#include "run/specification.h"
#include "worker/messages.h"

/// What a journal holds, as values. journal.h reads and writes them.
namespace headroom::run {

/// How a run stands.
enum class RunState { kRunning, kInterrupted, kFinished };
/// "running", "interrupted", "finished".
std::string_view to_string(RunState state);

struct RunRecord {
  std::string id;       ///< the last part of the folder's name, 6 characters of [0-9a-z]
  std::string created;  ///< ISO time, UTC
  std::string updated;
  RunState state = RunState::kRunning;
  Specification spec;
  std::string data_hash;  ///< of all items' ids and hashes, whatever their order
  std::uint64_t items = 0;
  std::uint32_t groups = 0;
};

/// What gave a run's earlier answers, before --force let something else give the later ones.
struct EarlierEngine {
  std::string until;  ///< when its last answer was asked, ISO time, UTC: later ones are not its own
  std::string engine;
  std::string engine_version;
  std::string device;
  std::string dtype;
  std::string hash;  ///< of the model's files
};

Json to_json(const EarlierEngine& earlier);

/// A model of the run, with what was learnt when it was loaded last.
struct ModelRecord {
  std::uint32_t no = 0;  ///< index into Specification::models
  ModelSpec spec;
  std::string engine;  ///< of the running engine: "mlx"
  std::string engine_version;
  std::string device;
  std::string dtype;  ///< as loaded
  std::string family;
  std::uint64_t parameters = 0;
  std::optional<Bytes> weights;
  std::optional<Bytes> budget;
  std::optional<Bytes> planned_peak;
  Json plan;  ///< the plan as printed and compared; null: none was made
  std::vector<std::string> notices;
  std::vector<EarlierEngine> earlier;  ///< oldest first; empty: one engine gave all answers
  double load_seconds = 0;             ///< all loads together
  std::uint32_t loads = 0;
};

/// An item as the journal knows it. `item.pictures` of embedded pictures have their bytes again
/// only when asked for.
struct ItemRecord {
  std::int64_t seq = 0;  ///< Place::rank; of items that came later, the next free number
  Place place;
  std::string hash;  ///< datasets::item_hash
  datasets::Item item;
};

/// One answer with what it cost.
struct AnswerRecord {
  std::int64_t seq = 0;
  worker::Answer answer;
  std::optional<Bytes> planned_peak;   ///< of its group
  std::optional<Bytes> measured_peak;  ///< of its group
  /// When its group was sent to the engine (of what was not sent, when it ended): ISO time, UTC;
  /// filled by the journal when empty.
  std::string asked_at;
};

/// What the governor decided or saw, with the model it was about.
struct MemoryRecord {
  std::uint32_t model = 0;
  memory::MemoryEvent event;
};

/// The readings of a span of time, with the model that was at work.
struct SpanRecord {
  std::uint32_t model = 0;
  memory::ReadingSpan span;
};

struct DeathRecord {
  std::uint32_t model = 0;
  std::optional<std::uint32_t> group;
  std::string time;  ///< ISO, UTC; filled by the journal when empty
  backends::Death death;
};

/// A peak by the budget's counter, beside what it was planned to be and what it was held against.
struct PeakRecord {
  std::optional<Bytes> measured;
  std::optional<Bytes> planned;
  std::optional<Bytes> budget;
};

/// One entry of the memory's record.
struct MemoryEntry {
  WallTime time{};
  std::variant<SpanRecord, MemoryRecord, DeathRecord> what;
};

/// What one commit makes durable, all or nothing.
struct GroupCommit {
  std::uint32_t model = 0;
  std::uint32_t group = 0;
  double seconds = 0;  ///< spent asking since the commit before, as the wall clock has it
  std::vector<AnswerRecord> answers;
  std::vector<memory::MemoryEvent> events;
  std::vector<backends::Death> deaths;
  std::vector<memory::ReadingSpan> readings;  ///< over time since the commit before
  PeakRecord peak;                            ///< of the stretch so far
  Json learnt;  ///< of this model's peaks, for the stretch that goes on; null: as it was
};

}  // namespace headroom::run
