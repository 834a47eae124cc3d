#include <array>
#include <functional>
#include <utility>

#include "database.h"
#include "rows.h"
#include "run/journal.h"
#include "schema.h"
#include "series_store.h"

namespace headroom::run {

namespace {

#define HEADROOM_EVENT_COLUMNS                                                              \
  "model, time, kind, grp, detail, reason, freed, seconds, before, after, numbers, phase, " \
  "item"

constexpr int kDeathColumns = 6;

/// The column after them is the time in milliseconds since 1970.
Statement select_deaths(Database& database) {
  return database.query(
      "SELECT model, grp, time, kind, detail, evidence, "
      "CAST(round((julianday(time) - 2440587.5) * 86400000.0) AS INTEGER) AS at "
      "FROM death ORDER BY at, no");
}

Statement select_spans(Database& database) {
  return database.query("SELECT " HEADROOM_SERIES_COLUMNS
                        " FROM memory_series ORDER BY time, model");
}

DeathRecord read_death(const Statement& row) {
  DeathRecord record;
  record.model = static_cast<std::uint32_t>(row.integer(0));
  if (const auto group = row.optional_integer(1)) {
    record.group = static_cast<std::uint32_t>(*group);
  }
  record.time = row.text(2);
  record.death.kind = death_kind(row.text(3));
  record.death.detail = static_cast<int>(row.integer(4));
  record.death.evidence = row.text(5);
  return record;
}

/// One of the streams that are merged: its next entry, until there is none.
class Stream {
 public:
  /// `read` fills its argument, or returns false at the end.
  explicit Stream(std::function<bool(MemoryEntry&)> read) : read_(std::move(read)) { advance(); }

  bool more() const { return more_; }

  WallTime time() const { return next_.time; }

  MemoryEntry take() {
    MemoryEntry entry = std::move(next_);
    advance();
    return entry;
  }

 private:
  void advance() {
    next_ = MemoryEntry();
    more_ = read_(next_);
  }

  std::function<bool(MemoryEntry&)> read_;
  MemoryEntry next_;
  bool more_ = false;
};

}  // namespace

void JournalReader::for_each_memory_event(const std::function<void(MemoryRecord&&)>& visit) const {
  Statement row =
      database_->query("SELECT " HEADROOM_EVENT_COLUMNS " FROM memory_event ORDER BY no");
  while (row.step()) {
    visit(read_event(row, 0, *database_));
  }
}

void JournalReader::for_each_span(const std::function<void(SpanRecord&&)>& visit) const {
  Statement row = select_spans(*database_);
  while (row.step()) {
    visit(read_span(row));
  }
}

std::vector<DeathRecord> JournalReader::deaths() const {
  std::vector<DeathRecord> deaths;
  Statement row = select_deaths(*database_);
  while (row.step()) {
    deaths.push_back(read_death(row));
  }
  return deaths;
}

void JournalReader::for_each_memory_entry(const std::function<void(MemoryEntry&&)>& visit) const {
  Statement spans = select_spans(*database_);
  Statement events =
      database_->query("SELECT " HEADROOM_EVENT_COLUMNS " FROM memory_event ORDER BY time, no");
  Statement deaths = select_deaths(*database_);
  std::array<Stream, 3> streams = {
      Stream([&](MemoryEntry& entry) {
        if (!spans.step()) {
          return false;
        }
        SpanRecord record = read_span(spans);
        entry.time = record.span.begin;
        entry.what = std::move(record);
        return true;
      }),
      Stream([&](MemoryEntry& entry) {
        if (!events.step()) {
          return false;
        }
        MemoryRecord record = read_event(events, 0, *database_);
        entry.time = record.event.time;
        entry.what = std::move(record);
        return true;
      }),
      Stream([&](MemoryEntry& entry) {
        if (!deaths.step()) {
          return false;
        }
        entry.time = from_milliseconds(deaths.integer(kDeathColumns));
        entry.what = read_death(deaths);
        return true;
      }),
  };
  for (;;) {
    Stream* first = nullptr;
    for (Stream& stream : streams) {
      if (stream.more() && (first == nullptr || stream.time() < first->time())) {
        first = &stream;
      }
    }
    if (first == nullptr) {
      return;
    }
    visit(first->take());
  }
}

}  // namespace headroom::run
