#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>

#include "base/errors.h"
#include "run/journal.h"
#include "run_world.h"

namespace headroom::run {
namespace {

using memory::ReadingSeries;
using memory::ReadingSpan;
using memory::RunPhase;
using std::chrono::milliseconds;
using test::dataset_of;
using test::FakeBackend;
using test::items_of;
using test::RunWorld;

/// The bound that docs/reference/journal.md states.
constexpr std::size_t kMostRows = 131'072;

void run_sql(const std::filesystem::path& file, const std::string& sql) {
  sqlite3* handle = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &handle), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
      << sqlite3_errmsg(handle);
  sqlite3_close(handle);
}

/// A journal as version 1 has it.
void make_version_1(const std::filesystem::path& file) {
  run_sql(file,
          "DROP TABLE memory_series; ALTER TABLE memory_event DROP COLUMN phase; "
          "ALTER TABLE memory_event DROP COLUMN item; ALTER TABLE model DROP COLUMN earlier; "
          "ALTER TABLE asked DROP COLUMN planned_peak; ALTER TABLE asked DROP COLUMN budget; "
          "ALTER TABLE item DROP COLUMN arm; ALTER TABLE item DROP COLUMN dialogue; "
          "ALTER TABLE item DROP COLUMN turn; ALTER TABLE model DROP COLUMN learnt; PRAGMA "
          "user_version = 1;");
}

memory::Reading reading_at(WallTime time, Bytes worker) {
  memory::Reading reading = test::footprints(20_MiB, worker);
  reading.time = time;
  return reading;
}

std::vector<SpanRecord> spans_in(const JournalReader& journal) {
  std::vector<SpanRecord> spans;
  journal.for_each_span([&](SpanRecord&& record) { spans.push_back(std::move(record)); });
  return spans;
}

std::vector<ReadingSpan> one_span(WallTime time, Bytes worker) {
  ReadingSeries series;
  series.add(reading_at(time, worker), {RunPhase::kAsk, "4", ""});
  return series.drain();
}

TEST(MemorySeries, ASpanComesBackAsItWas) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(items_of(1, 1)));
  ReadingSeries series;
  memory::Reading reading = reading_at(world.clock.wall(), 40_MiB);
  reading.active = 0_B;
  reading.system_available = 5_GiB;
  series.add(reading, {RunPhase::kClean, "4", "id"}, 90_MiB);
  journal.commit({.model = 0, .readings = series.spans()});
  const std::vector<SpanRecord> got = spans_in(journal);
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(dump_json(to_json(got[0].span)), dump_json(to_json(series.spans()[0])));
  EXPECT_EQ(got[0].span.active->low, 0_B) << "a sensor that read 0 is not an unread one";
  EXPECT_FALSE(got[0].span.device_free);
}

TEST(MemorySeries, WhatComesToASpanThatIsThereJoinsIt) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(items_of(1, 1)));
  const WallTime now = world.clock.wall();
  journal.commit({.readings = one_span(now, 40_MiB)});
  journal.commit({.readings = one_span(now, 10_MiB)});
  const std::vector<SpanRecord> got = spans_in(journal);
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].span.footprint, (memory::Range{30_MiB, 60_MiB, 30_MiB}));
  EXPECT_EQ(got[0].span.readings, 2U);
}

TEST(MemorySeries, ACommitThatFailsLeavesNoneOfItsReadings) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(items_of(1, 1)));
  journal.commit({.readings = one_span(world.clock.wall(), 40_MiB)});
  AnswerRecord nowhere;
  nowhere.seq = 99;
  world.clock.advance(std::chrono::seconds(1));
  EXPECT_THROW(journal.commit({.answers = {nowhere, nowhere},
                               .readings = one_span(world.clock.wall(), 40_MiB)}),
               Error);
  EXPECT_EQ(spans_in(journal).size(), 1U);
  journal.commit({.readings = one_span(world.clock.wall(), 40_MiB)});
  EXPECT_EQ(spans_in(journal).size(), 2U);
}

TEST(MemorySeries, OfAWeekAtTwentyHertzIsBoundedAndKeepsEveryPeak) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(items_of(1, 1)));
  memory::Sampler& sampler = world.sampler;
  constexpr int kMinutes = 7 * 24 * 60;
  constexpr int kMinutesACommit = 5;
  constexpr int kTicksAMinute = 20 * 60;
  Bytes highest;
  for (int minute = 0; minute < kMinutes; minute += kMinutesACommit) {
    for (int tick = 0; tick < kMinutesACommit * kTicksAMinute; ++tick) {
      world.clock.advance(milliseconds(50));
      // One spike of its own height in each commit.
      const Bytes spike =
          tick == minute % 1000 ? Bytes(static_cast<std::uint64_t>(minute) << 12U) : Bytes();
      world.source.now = reading_at(world.clock.wall(), 40_MiB + spike);
      world.source.now.active = 20_MiB;
      world.source.now.cache = 4_MiB;
      world.source.now.system_available = 8_GiB;
      highest = std::max(highest, *total_footprint(world.source.now));
      sampler.tick();
    }
    journal.commit({.readings = sampler.drain()});
  }
  std::size_t rows = 0;
  std::uint64_t readings = 0;
  std::size_t spikes = 0;
  std::size_t line_bytes = 0;
  Bytes high;
  journal.for_each_span([&](SpanRecord&& record) {
    ++rows;
    readings += record.span.readings;
    spikes += record.span.footprint->high > 60_MiB ? 1 : 0;
    high = std::max(high, record.span.footprint->high);
    line_bytes += dump_json(to_json(record.span)).size();
  });
  EXPECT_LE(rows, kMostRows);
  EXPECT_GE(rows, kMostRows / 2);
  EXPECT_EQ(readings, static_cast<std::uint64_t>(kMinutes) * kTicksAMinute);
  EXPECT_EQ(high, highest);
  EXPECT_EQ(spikes, static_cast<std::size_t>(kMinutes / kMinutesACommit - 1));
  const auto bytes = std::filesystem::file_size(world.folder / "run.db") +
                     std::filesystem::file_size(world.folder / "run.db-wal");
  EXPECT_LT(bytes, (64_MiB).count());
  EXPECT_LT(line_bytes, (64_MiB).count());
  RecordProperty("rows", std::to_string(rows));
  RecordProperty("journal_bytes", std::to_string(bytes));
  RecordProperty("export_bytes", std::to_string(line_bytes));
}

TEST(MemorySeries, ARunsReadingsAreInItsJournalWithItsCommits) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(items_of(2, 2)));
  FakeBackend backend;
  backend.before_answer = [&] {
    world.clock.advance(milliseconds(50));
    world.source.now.time = world.clock.wall();
    world.sampler.tick();
  };
  world.ask(journal, backend);
  const std::vector<SpanRecord> spans = spans_in(journal);
  ASSERT_EQ(spans.size(), 4U);
  EXPECT_EQ(spans[0].span.phase, RunPhase::kAsk);
  EXPECT_EQ(spans[0].span.group, "0");
  EXPECT_EQ(spans[3].span.group, "1");
  EXPECT_EQ(spans[3].span.footprint->high, 60_MiB);
}

TEST(MemorySeries, HasWhatTheEngineSaysWhileItIsBusy) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(items_of(1, 1)));
  FakeBackend backend;
  backend.before_answer = [&] {
    world.clock.advance(milliseconds(50));
    worker::BusyReading busy{"0", "prefill", {}};
    busy.reading.time = world.clock.wall();
    busy.reading.active = 30_MiB;
    backend.on_reading(busy);
  };
  world.ask(journal, backend);
  const std::vector<SpanRecord> spans = spans_in(journal);
  ASSERT_EQ(spans.size(), 1U);
  EXPECT_EQ(spans[0].span.phase, RunPhase::kPrefill);
  EXPECT_EQ(spans[0].span.active->high, 30_MiB);
  EXPECT_FALSE(backend.on_reading);
}

TEST(MemorySeries, EventsSayPhaseGroupAndItem) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(items_of(2, 5)));
  FakeBackend backend;
  world.ask(journal, backend);
  std::map<std::string, memory::MemoryEvent> last;
  journal.for_each_memory_event([&](MemoryRecord&& record) {
    last[std::string(memory::to_string(record.event.kind))] = record.event;
  });
  EXPECT_EQ(last.at("plan").phase, RunPhase::kIdle);
  EXPECT_EQ(last.at("load").phase, RunPhase::kLoad);
  EXPECT_EQ(last.at("group").phase, RunPhase::kAsk);
  EXPECT_EQ(last.at("group").group, "1");
  EXPECT_EQ(last.at("group").item, "p1-q0");
  EXPECT_EQ(last.at("clean").phase, RunPhase::kClean);
  EXPECT_EQ(last.at("clean").group, "1");
  EXPECT_EQ(last.at("clean").numbers.at("policy"), "periodic");
  EXPECT_EQ(last.at("unload").phase, RunPhase::kUnload);
  EXPECT_EQ(last.at("unload").item, "");
  for (const auto& [kind, event] : last) {
    EXPECT_FALSE(event.reason.empty()) << kind;
    EXPECT_FALSE(event.numbers.empty()) << kind;
  }
}

TEST(MemorySeries, EntriesComeInOrderOfTime) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(items_of(3, 5)));
  FakeBackend backend;
  backend.script[7] = FakeBackend::Event::kDie;
  backend.before_answer = [&] {
    world.clock.advance(milliseconds(75));
    world.source.now.time = world.clock.wall();
    world.sampler.tick();
  };
  world.ask(journal, backend);
  std::map<std::size_t, int> kinds;
  WallTime before{};
  journal.for_each_memory_entry([&](MemoryEntry&& entry) {
    EXPECT_GE(entry.time, before);
    before = entry.time;
    ++kinds[entry.what.index()];
  });
  EXPECT_EQ(kinds[0], 15);
  EXPECT_GE(kinds[1], 7);
  EXPECT_EQ(kinds[2], 1);
}

TEST(MemorySeries, AJournalOfVersion1IsReadWithoutThem) {
  RunWorld world;
  {
    Journal journal = world.begin(dataset_of(items_of(1, 2)));
    FakeBackend backend;
    world.ask(journal, backend);
  }
  make_version_1(world.folder / "run.db");
  const JournalReader reader = JournalReader::open(world.folder.path());
  EXPECT_TRUE(spans_in(reader).empty());
  int events = 0;
  reader.for_each_memory_entry([&](MemoryEntry&& entry) {
    ++events;
    EXPECT_FALSE(std::get<MemoryRecord>(entry.what).event.phase);
  });
  EXPECT_GT(events, 0);
}

TEST(MemorySeries, AJournalOfVersion1GoesOnWithThem) {
  RunWorld world;
  {
    Journal journal = world.begin(dataset_of(items_of(3, 1)));
    FakeBackend backend;
    backend.script[2] = FakeBackend::Event::kCancel;
    EXPECT_THROW(world.ask(journal, backend), Cancelled);
  }
  make_version_1(world.folder / "run.db");
  Journal journal = Journal::open(world.folder.path(), world.clock);
  FakeBackend backend;
  world.source.now.time = world.clock.wall();
  world.ask(journal, backend);
  EXPECT_EQ(journal.count_answers(0), 3U);
  EXPECT_FALSE(spans_in(journal).empty());
  EXPECT_EQ(journal.integrity(), "ok");
}

}  // namespace
}  // namespace headroom::run
