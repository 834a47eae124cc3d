#include "series_store.h"

#include <algorithm>
#include <utility>

#include "base/errors.h"
#include "rows.h"
#include "schema.h"

namespace headroom::run {

namespace {

using memory::ReadingSpan;

constexpr int kFirstFigure = 6;
/// Rows that are thinned in one piece.
constexpr std::int64_t kPiece = 4096;

std::int64_t as_integer(Bytes bytes) { return static_cast<std::int64_t>(bytes.count()); }

Bytes as_bytes(std::int64_t value) { return Bytes(static_cast<std::uint64_t>(value)); }

void write(Database& database, const SpanRecord& record) {
  Statement insert = database.query(
      "INSERT OR REPLACE INTO memory_series(" HEADROOM_SERIES_COLUMNS
      ") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  const ReadingSpan& span = record.span;
  insert.bind(milliseconds(span.begin))
      .bind(std::int64_t{record.model})
      .bind(std::int64_t{span.width.count()})
      .bind(static_cast<std::int64_t>(span.readings))
      .bind(memory::to_string(span.phase))
      .bind_text(span.group);
  for (const memory::SpanFigure& figure : memory::span_figures()) {
    if (const std::optional<memory::Range>& range = span.*figure.range) {
      insert.bind(as_integer(range->low))
          .bind(as_integer(range->high))
          .bind(as_integer(range->last));
    } else {
      insert.bind_null().bind_null().bind_null();
    }
  }
  insert.run();
}

std::optional<SpanRecord> find(Database& database, std::uint32_t model, WallTime begin) {
  Statement row = database.query("SELECT " HEADROOM_SERIES_COLUMNS
                                 " FROM memory_series WHERE time = ? AND model = ?");
  row.bind(milliseconds(begin)).bind(std::int64_t{model});
  if (!row.step()) {
    return std::nullopt;
  }
  return read_span(row);
}

std::vector<SpanRecord> piece_from(Database& database, std::int64_t from) {
  Statement row = database.query("SELECT " HEADROOM_SERIES_COLUMNS
                                 " FROM memory_series WHERE time >= ? ORDER BY time, model "
                                 "LIMIT ?");
  row.bind(from).bind(kPiece);
  std::vector<SpanRecord> records;
  while (row.step()) {
    records.push_back(read_span(row));
  }
  return records;
}

/// Draws the rows of a piece together, for each model by itself. Returns how many there are then.
std::int64_t rewrite(Database& database,
                     const std::vector<SpanRecord>& records,
                     ReadingSpan::Width width) {
  std::vector<std::uint32_t> models;
  for (const SpanRecord& record : records) {
    if (std::find(models.begin(), models.end(), record.model) == models.end()) {
      models.push_back(record.model);
    }
  }
  database.query("DELETE FROM memory_series WHERE time BETWEEN ? AND ?")
      .bind(milliseconds(records.front().span.begin))
      .bind(milliseconds(records.back().span.begin))
      .run();
  std::int64_t count = 0;
  for (const std::uint32_t model : models) {
    std::vector<ReadingSpan> spans;
    for (const SpanRecord& record : records) {
      if (record.model == model) {
        spans.push_back(record.span);
      }
    }
    memory::thin(spans, width);
    for (ReadingSpan& span : spans) {
      write(database, {model, std::move(span)});
      ++count;
    }
  }
  return count;
}

/// Returns how many rows there are afterwards. Memory: one piece.
std::int64_t thin_rows(Database& database, ReadingSpan::Width width) {
  std::int64_t count = 0;
  std::int64_t from = 0;
  for (;;) {
    std::vector<SpanRecord> piece = piece_from(database, from);
    if (piece.empty()) {
      return count;
    }
    if (static_cast<std::int64_t>(piece.size()) == kPiece) {
      // The last span may go on in the next piece: it is left to that one.
      const WallTime open = memory::aligned(piece.back().span.begin, width);
      while (piece.size() > 1 && piece.back().span.begin >= open) {
        piece.pop_back();
      }
    }
    from = milliseconds(piece.back().span.begin) + 1;
    count += rewrite(database, piece, width);
  }
}

}  // namespace

SpanRecord read_span(const Statement& row) {
  SpanRecord record;
  ReadingSpan& span = record.span;
  span.begin = from_milliseconds(row.integer(0));
  record.model = static_cast<std::uint32_t>(row.integer(1));
  span.width = ReadingSpan::Width(row.integer(2));
  span.readings = static_cast<std::uint64_t>(row.integer(3));
  const std::string phase = row.text(4);
  const std::optional<memory::RunPhase> known = memory::phase_from_string(phase);
  if (!known) {
    throw UsageError("E-JOURNAL-CORRUPT", "journal: unknown phase '" + phase + "'");
  }
  span.phase = *known;
  span.group = row.text(5);
  int column = kFirstFigure;
  for (const memory::SpanFigure& figure : memory::span_figures()) {
    if (!row.is_null(column)) {
      span.*figure.range = memory::Range{as_bytes(row.integer(column)),
                                         as_bytes(row.integer(column + 1)),
                                         as_bytes(row.integer(column + 2))};
    }
    column += 3;
  }
  return record;
}

void SeriesStore::put(Database& database,
                      std::uint32_t model,
                      std::vector<memory::ReadingSpan> spans) {
  if (spans.empty()) {
    return;
  }
  if (!known_) {
    Statement row = database.query("SELECT count(*), coalesce(min(width), 0) FROM memory_series");
    row.step();
    rows_ = row.integer(0);
    width_ = ReadingSpan::Width(row.integer(1));
    known_ = true;
  }
  if (width_.count() > 0) {
    memory::thin(spans, width_);
  }
  for (ReadingSpan& span : spans) {
    if (std::optional<SpanRecord> there = find(database, model, span.begin)) {
      memory::append(there->span, span);
      write(database, *there);
    } else {
      write(database, {model, std::move(span)});
      ++rows_;
    }
  }
  make_room(database);
}

void SeriesStore::make_room(Database& database) {
  while (rows_ > most_rows_) {
    width_ = std::max(width_, memory::ReadingSeries::kWidth) * 2;
    rows_ = thin_rows(database, width_);
  }
}

}  // namespace headroom::run
