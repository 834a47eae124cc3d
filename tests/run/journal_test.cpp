#include "run/journal.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <fstream>

#include "base/errors.h"
#include "run_world.h"

namespace headroom::run {
namespace {

using test::dataset_of;
using test::items_of;
using test::RunWorld;

void run_sql(const std::filesystem::path& file, const std::string& sql) {
  sqlite3* handle = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &handle), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
      << sqlite3_errmsg(handle);
  sqlite3_close(handle);
}

std::string code_of_opening(const std::filesystem::path& path) {
  try {
    JournalReader::open(path);
  } catch (const Error& error) {
    return error.code();
  }
  return "opened";
}

AnswerRecord full_answer(std::int64_t seq) {
  AnswerRecord record;
  record.seq = seq;
  worker::Answer& answer = record.answer;
  answer.outcome = Outcome::kAnswered;
  answer.text = std::string("a\0b ü", 6);
  answer.token_ids = {1, 2, 49279};
  answer.stopped = true;
  answer.prompt_tokens = 100;
  answer.image_tokens = 81;
  answer.prefilled_tokens = 19;
  answer.log_probs = {{1, -0.1, {{1, -0.1}, {7, -2.3025850929940455}}}};
  answer.prompt = "<image>what?";
  answer.input_ids = {5, 6};
  answer.picture_hashes = {"00aa"};
  answer.notices = {"reduced"};
  answer.seconds = {0.1, 0.2, 0.30000000000000004, 0.4};
  answer.before = test::footprints(20_MiB, 40_MiB);
  answer.after = test::footprints(20_MiB, 41_MiB);
  answer.after.active = 0_B;
  answer.rung = "batch 8 -> 4";
  record.planned_peak = 100_MiB;
  record.measured_peak = 90_MiB;
  return record;
}

TEST(Journal, KeepsAnAnswerAsItWas) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(items_of(1, 2)));
  const AnswerRecord put = full_answer(1);
  journal.commit({.model = 0, .group = 0, .seconds = 1, .answers = {put}});
  const std::optional<AnswerRecord> got = journal.find_answer(0, 1);
  ASSERT_TRUE(got);
  const worker::Answer& a = put.answer;
  const worker::Answer& b = got->answer;
  EXPECT_EQ(b.id, "p0-q1");
  EXPECT_EQ(b.group, "0");
  EXPECT_EQ(a.text, b.text);
  EXPECT_EQ(a.token_ids, b.token_ids);
  EXPECT_EQ(a.stopped, b.stopped);
  EXPECT_EQ(a.prompt_tokens, b.prompt_tokens);
  EXPECT_EQ(a.image_tokens, b.image_tokens);
  EXPECT_EQ(a.prefilled_tokens, b.prefilled_tokens);
  ASSERT_EQ(b.log_probs.size(), 1U);
  EXPECT_EQ(a.log_probs[0].log_prob, b.log_probs[0].log_prob);
  EXPECT_EQ(a.log_probs[0].top, b.log_probs[0].top);
  EXPECT_EQ(a.prompt, b.prompt);
  EXPECT_EQ(a.input_ids, b.input_ids);
  EXPECT_EQ(a.picture_hashes, b.picture_hashes);
  EXPECT_EQ(a.notices, b.notices);
  EXPECT_EQ(a.seconds.prefill, b.seconds.prefill);
  EXPECT_EQ(a.rung, b.rung);
  EXPECT_EQ(put.planned_peak, got->planned_peak);
  EXPECT_EQ(put.measured_peak, got->measured_peak);
  EXPECT_EQ(b.before.worker_footprint, 40_MiB);
  EXPECT_EQ(b.after.active, 0_B) << "a sensor that read 0 is not an unread one";
  EXPECT_FALSE(b.before.active) << "an unread sensor is not 0";
}

TEST(Journal, KeepsAnItemWithItsPicturesBytes) {
  RunWorld world;
  auto items = items_of(1, 1);
  items[0].truth.answer_type = "yes/no";
  items[0].line = 17;
  items[0].arm = "history";
  items[0].dialogue = "p0/history";
  items[0].turn = 3;
  items[0].conversation.insert(items[0].conversation.begin(),
                               Message{"system", {Part::of_text("be short")}});
  Journal journal = world.begin(dataset_of(items));
  const std::vector<ItemRecord> open = journal.open_items(0, 0);
  ASSERT_EQ(open.size(), 1U);
  const datasets::Item& item = open[0].item;
  EXPECT_EQ(item.conversation, items[0].conversation);
  EXPECT_EQ(item.truth.references, items[0].truth.references);
  EXPECT_EQ(item.truth.answer_type, "yes/no");
  EXPECT_EQ(item.line, 17U);
  EXPECT_EQ(item.arm, "history");
  EXPECT_EQ(item.dialogue, "p0/history");
  EXPECT_EQ(item.turn, 3U);
  ASSERT_EQ(item.pictures.size(), 1U);
  EXPECT_EQ(item.pictures[0].bytes, "bytes of p0.png");
  EXPECT_EQ(item.pictures[0].name, "p0.png");
}

TEST(Journal, StoresSharedReadingsOnce) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(items_of(1, 50)));
  GroupCommit commit;
  for (int i = 0; i < 50; ++i) {
    commit.answers.push_back(full_answer(i));
  }
  journal.commit(commit);
  sqlite3* handle = nullptr;
  ASSERT_EQ(sqlite3_open((world.folder / "run.db").c_str(), &handle), SQLITE_OK);
  sqlite3_stmt* statement = nullptr;
  sqlite3_prepare_v2(handle, "SELECT count(*) FROM reading", -1, &statement, nullptr);
  sqlite3_step(statement);
  EXPECT_EQ(sqlite3_column_int(statement, 0), 2);
  sqlite3_finalize(statement);
  sqlite3_close(handle);
}

TEST(Journal, CommitsNothingOfACommitThatFails) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(items_of(1, 3)));
  journal.commit({.answers = {full_answer(0)}});
  // Answer 0 again: the second of the two breaks the key.
  EXPECT_THROW(journal.commit({.answers = {full_answer(1), full_answer(0)}}), Error);
  EXPECT_EQ(journal.count_answers(0), 1U);
  journal.commit({.answers = {full_answer(1)}});
  EXPECT_EQ(journal.count_answers(0), 2U);
  EXPECT_EQ(journal.integrity(), "ok");
}

TEST(Journal, ReadersSeeWholeCommitsOnlyAndDoNotHoldTheWriterUp) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(items_of(1, 4)));
  journal.commit({.answers = {full_answer(0)}});
  const JournalReader reader = JournalReader::open(world.folder.path());
  std::size_t seen = 0;
  reader.for_each_answer(
      0, JournalReader::Readings::kFetch, [&](const ItemRecord&, const AnswerRecord* answer) {
        if (seen == 0 && answer != nullptr) {
          journal.commit({.answers = {full_answer(1), full_answer(2)}});
        }
        seen += answer != nullptr ? 1 : 0;
      });
  EXPECT_EQ(seen, 1U) << "a pass over the journal sees the state that it began with";
  EXPECT_EQ(reader.count_answers(0), 3U);
}

/// As the first version wrote it.
void make_version_1(const std::filesystem::path& file) {
  run_sql(file,
          "ALTER TABLE model DROP COLUMN earlier; ALTER TABLE asked DROP COLUMN planned_peak; "
          "ALTER TABLE asked DROP COLUMN budget; DROP TABLE memory_series; "
          "ALTER TABLE memory_event DROP COLUMN phase; ALTER TABLE memory_event DROP COLUMN item; "
          "ALTER TABLE item DROP COLUMN arm; ALTER TABLE item DROP COLUMN dialogue; "
          "ALTER TABLE item DROP COLUMN turn; ALTER TABLE model DROP COLUMN learnt; PRAGMA "
          "user_version = 1");
}

/// As the second did.
void make_version_2(const std::filesystem::path& file) {
  run_sql(file,
          "ALTER TABLE item DROP COLUMN arm; ALTER TABLE item DROP COLUMN dialogue; "
          "ALTER TABLE item DROP COLUMN turn; ALTER TABLE model DROP COLUMN learnt; PRAGMA "
          "user_version = 2");
}

TEST(Journal, OfTheFirstVersionIsReadAsItIs) {
  RunWorld world;
  world.begin(dataset_of(items_of(1, 2)));
  make_version_1(world.folder / "run.db");
  const JournalReader reader = JournalReader::open(world.folder.path());
  EXPECT_EQ(reader.models().at(0).spec.name, "fake");
  EXPECT_TRUE(reader.models().at(0).earlier.empty());
}

TEST(Journal, OfTheFirstVersionBecomesOneOfTheLastWhenItGoesOn) {
  RunWorld world;
  world.begin(dataset_of(items_of(1, 2)));
  make_version_1(world.folder / "run.db");
  Journal journal = Journal::open(world.folder.path(), world.clock);
  ModelRecord model = journal.models().at(0);
  model.earlier = {{"2026-01-01T00:00:00Z", "fake", "1.0", "cpu", "float32", "00"}};
  journal.set_model(model);
  EXPECT_EQ(JournalReader::open(world.folder.path()).models().at(0).earlier.at(0).dtype, "float32");
}

TEST(Journal, OfTheSecondVersionHasIndependentItemsOfOneArm) {
  RunWorld world;
  world.begin(dataset_of(items_of(1, 2)));
  make_version_2(world.folder / "run.db");
  const JournalReader reader = JournalReader::open(world.folder.path());
  const std::optional<ItemRecord> item = reader.find_item("p0-q1");
  ASSERT_TRUE(item);
  EXPECT_EQ(item->item.arm, "");
  EXPECT_EQ(item->item.dialogue, "");
  EXPECT_EQ(item->item.turn, 0U);
}

TEST(Journal, OfTheSecondVersionGoesOnAsOneOfTheLast) {
  RunWorld world;
  auto items = items_of(1, 2);
  world.begin(dataset_of(items));
  make_version_2(world.folder / "run.db");
  Journal journal = Journal::open(world.folder.path(), world.clock);
  journal.commit({.answers = {full_answer(0)}});
  items[1].turn = 2;
  resume_data(journal, dataset_of(items), false);
  EXPECT_EQ(journal.find_item("p0-q1")->item.turn, 2U);
  EXPECT_EQ(journal.count_answers(0), 1U);
}

TEST(Journal, RefusesNewerVersionsNamingBoth) {
  RunWorld world;
  world.begin(dataset_of(items_of(1, 1)));
  run_sql(world.folder / "run.db", "PRAGMA user_version = 7");
  try {
    JournalReader::open(world.folder.path());
    FAIL() << "opened";
  } catch (const UsageError& error) {
    EXPECT_EQ(error.code(), "E-JOURNAL-VERSION");
    EXPECT_NE(std::string(error.what()).find("version 7"), std::string::npos) << error.what();
  }
  EXPECT_THROW(Journal::open(world.folder.path(), world.clock), UsageError);
}

TEST(Journal, RefusesWhatIsNoJournal) {
  const test::TemporaryFolder folder;
  EXPECT_EQ(code_of_opening(folder.path()), "E-JOURNAL-MISSING");
  std::ofstream(folder / "run.db") << "this is a text, long enough to have a header of 100 bytes. "
                                      "this is a text, long enough to have a header of 100 bytes.";
  EXPECT_EQ(code_of_opening(folder.path()), "E-JOURNAL-CORRUPT");
  std::filesystem::remove(folder / "run.db");
  run_sql(folder / "run.db", "CREATE TABLE of_another_program(x)");
  EXPECT_EQ(code_of_opening(folder.path()), "E-JOURNAL-CORRUPT");
  std::filesystem::remove(folder / "run.db");
  std::ofstream(folder / "run.db").close();
  EXPECT_EQ(code_of_opening(folder.path()), "E-JOURNAL-CORRUPT");
}

TEST(Journal, RefusesADamagedFileWhenItIsToBeWritten) {
  RunWorld world;
  world.begin(dataset_of(items_of(50, 20)));
  const auto file = world.folder / "run.db";
  {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    const std::string noise(20000, '\x5a');
    stream.seekp(8192);
    stream.write(noise.data(), static_cast<std::streamsize>(noise.size()));
  }
  try {
    Journal::open(world.folder.path(), world.clock);
    FAIL() << "opened";
  } catch (const UsageError& error) {
    EXPECT_EQ(error.code(), "E-JOURNAL-CORRUPT");
  }
}

TEST(Journal, AddsLoadsUp) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(items_of(1, 1)));
  ModelRecord model;
  model.spec = test::spec_of().models.front();
  model.engine = "mlx";
  model.weights = 15_MiB;
  model.load_seconds = 0.5;
  model.loads = 1;
  journal.set_model(model);
  journal.set_model(model);
  const ModelRecord got = journal.models().front();
  EXPECT_EQ(got.loads, 2U);
  EXPECT_DOUBLE_EQ(got.load_seconds, 1.0);
  EXPECT_EQ(got.weights, 15_MiB);
  EXPECT_FALSE(got.budget);
}

TEST(Journal, DataHashIsIndependentOfOrder) {
  RunWorld a;
  RunWorld b;
  auto items = items_of(3, 2);
  const std::string forward = a.begin(dataset_of(items)).run().data_hash;
  std::reverse(items.begin(), items.end());
  EXPECT_EQ(b.begin(dataset_of(items)).run().data_hash, forward);
  EXPECT_FALSE(forward.empty());
}

TEST(Journal, FailedAnswersAreSetAsideForARetryAndKept) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(items_of(1, 2)));
  AnswerRecord failed = full_answer(1);
  failed.answer.outcome = Outcome::kTimeout;
  journal.commit({.answers = {full_answer(0), failed}});
  EXPECT_EQ(journal.unanswered_ids(0, 10), (std::vector<std::string>{"p0-q1"}));
  EXPECT_EQ(journal.set_failures_aside(0), 1U);
  EXPECT_EQ(journal.superseded_count(0), 1U);
  EXPECT_EQ(journal.run().state, RunState::kInterrupted);
  EXPECT_EQ(journal.next_open_group(0, 0), 0U);
  EXPECT_EQ(journal.open_items(0, 0).size(), 1U);
}

}  // namespace
}  // namespace headroom::run
