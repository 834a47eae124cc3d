#include "run/journal.h"

#include <fmt/format.h>

#include "base/errors.h"
#include "base/hash.h"
#include "database.h"
#include "journal_open.h"
#include "lock.h"
#include "rows.h"
#include "schema.h"
#include "series_store.h"

namespace headroom::run {

namespace {

/// The log is given back to the disk when it has grown beyond this.
constexpr int kLogLimit = 16 << 20;

/// Settings of a connection that writes. Every commit is on the disk before it returns.
void prepare_to_write(Database& database) {
  const std::string mode = database.pragma_text("journal_mode = WAL");
  if (mode != "wal") {
    throw ResourceError(
        "E-WRITE",
        fmt::format("{}: the file system does not allow a write-ahead log (mode '{}'); choose a "
                    "folder on a local disk with --out",
                    database.path().string(),
                    mode));
  }
  database.execute("PRAGMA synchronous = FULL");
  database.execute("PRAGMA fullfsync = ON");  // macOS: through the drive's own cache
  database.execute("PRAGMA foreign_keys = ON");
  database.pragma_text(fmt::format("journal_size_limit = {}", kLogLimit));
}

/// All or nothing, from the file's version.
void upgrade(Database& database, int version) {
  Transaction transaction(database);
  if (version < 2) {
    database.execute(kToVersion2);
  }
  if (version < 3) {
    database.execute(kToVersion3);
  }
  if (version < 4) {
    database.execute(kToVersion4);
  }
  database.execute(fmt::format("PRAGMA user_version = {}", kJournalVersion));
  transaction.commit();
}

/// Independent of the order in which the data has its items.
std::string data_hash_of(Database& database) {
  Hasher hasher;
  Statement row = database.query("SELECT id, hash FROM item ORDER BY id");
  while (row.step()) {
    hasher.update_field(row.text(0));
    hasher.update_field(row.text(1));
  }
  return hasher.hex();
}

void insert_item(Database& database, const ItemRecord& item) {
  store_pictures(database, item.item);
  Statement insert = database.query("INSERT INTO item(" HEADROOM_ITEM_COLUMNS
                                    ") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  bind_item(insert, item);
  insert.run();
}

Json earlier_json(const std::vector<EarlierEngine>& earlier) {
  Json list = Json::array();
  for (const EarlierEngine& one : earlier) {
    list.push_back(to_json(one));
  }
  return list;
}

std::optional<std::int64_t> integer(const std::optional<Bytes>& bytes) {
  return bytes ? std::optional<std::int64_t>(static_cast<std::int64_t>(bytes->count()))
               : std::nullopt;
}

void set_answers_aside(Database& database, std::string_view why, std::int64_t seq) {
  database
      .query(
          "INSERT INTO superseded SELECT ?, i.id, i.hash, i.question, a.* FROM answer a JOIN "
          "item i ON i.seq = a.seq WHERE a.seq = ?")
      .bind(why)
      .bind(seq)
      .run();
  database.query("DELETE FROM answer WHERE seq = ?").bind(seq).run();
}

void delete_item(Database& database, std::int64_t seq) {
  database.query("DELETE FROM item WHERE seq = ?").bind(seq).run();
}

}  // namespace

/// The connection and what belongs to it alone.
struct Journal::Writer {
  explicit Writer(const std::filesystem::path& folder, const Clock& time)
      : lock(folder), clock(&time) {}

  RunLock lock;
  ReadingStore readings;
  SeriesStore series;
  const Clock* clock;

  void store(Database& database, std::uint32_t model, const memory::MemoryEvent& event) {
    std::optional<std::int64_t> before;
    std::optional<std::int64_t> after;
    if (event.before) {
      before = readings.put(database, *event.before);
    }
    if (event.after) {
      after = readings.put(database, *event.after);
    }
    Statement insert = database.query(
        "INSERT INTO memory_event(model, time, kind, grp, detail, reason, freed, seconds, before, "
        "after, numbers, phase, item) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    bind_event(insert, model, event, before, after);
    insert.run();
  }

  void store(Database& database, std::uint32_t model, const AnswerRecord& answer) {
    const std::int64_t before = readings.put(database, answer.answer.before);
    const std::int64_t after = readings.put(database, answer.answer.after);
    Statement insert = database.query(
        "INSERT INTO answer(" HEADROOM_ANSWER_COLUMNS
        ") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    AnswerRecord stamped = answer;
    if (stamped.asked_at.empty()) {
      stamped.asked_at = iso_time(clock->wall());
    }
    bind_answer(insert, model, stamped, before, after);
    insert.run();
  }

  void store(Database& database, const DeathRecord& record) {
    database
        .query(
            "INSERT INTO death(model, grp, time, kind, detail, evidence) "
            "VALUES(?, ?, ?, ?, ?, ?)")
        .bind(std::int64_t{record.model})
        .bind(record.group ? std::optional<std::int64_t>(*record.group) : std::nullopt)
        .bind(std::string_view(record.time.empty() ? iso_time_milliseconds(clock->wall())
                                                   : record.time))
        .bind(backends::to_string(record.death.kind))
        .bind(std::int64_t{record.death.detail})
        .bind_text(record.death.evidence)
        .run();
  }

  /// Runs `change` as one commit.
  template <typename Change>
  void in_one_commit(Database& database, const Change& change) {
    try {
      Transaction transaction(database);
      change();
      database.query("UPDATE run SET updated = ?").bind(iso_time(clock->wall())).run();
      transaction.commit();
    } catch (...) {
      readings.forget();
      series.forget();
      throw;
    }
  }
};

Journal::Journal(std::filesystem::path folder,
                 std::unique_ptr<Database> database,
                 std::unique_ptr<Writer> writer)
    : JournalReader(std::move(folder), std::move(database)), writer_(std::move(writer)) {}

Journal::Journal(Journal&&) noexcept = default;

Journal::~Journal() {
  // The connection first: closing it moves the log into the file, still under the lock.
  database_.reset();
}

Journal Journal::create(const std::filesystem::path& folder,
                        const std::string& id,
                        const Specification& spec,
                        const Clock& clock) {
  auto writer = std::make_unique<Writer>(folder, clock);
  const std::filesystem::path path = folder / kJournalName;
  if (std::error_code error; std::filesystem::exists(path, error)) {
    throw UsageError(
        "E-RUN-EXISTS",
        fmt::format("{}: holds a run already; `headroom resume` goes on with it", folder.string()));
  }
  auto database = std::make_unique<Database>(path, Database::Access::kCreate);
  prepare_to_write(*database);
  Transaction transaction(*database);
  database->execute(kSchema);
  database->execute(fmt::format("PRAGMA application_id = {}", kApplicationId));
  database->execute(fmt::format("PRAGMA user_version = {}", kJournalVersion));
  const std::string now = iso_time(clock.wall());
  database
      ->query("INSERT INTO run(id, created, updated, state, specification) VALUES(?, ?, ?, ?, ?)")
      .bind(std::string_view(id))
      .bind(std::string_view(now))
      .bind(std::string_view(now))
      .bind(to_string(RunState::kRunning))
      .bind(std::string_view(dump_json(to_json(spec))))
      .run();
  for (std::size_t i = 0; i < spec.models.size(); ++i) {
    database->query("INSERT INTO model(no, spec, load_seconds, loads) VALUES(?, ?, 0, 0)")
        .bind(static_cast<std::int64_t>(i))
        .bind(std::string_view(dump_json(to_json(spec.models[i]))))
        .run();
  }
  transaction.commit();
  return {folder, std::move(database), std::move(writer)};
}

Journal Journal::open(const std::filesystem::path& run, const Clock& clock) {
  const std::filesystem::path path = journal_path(run);
  if (std::error_code error; !std::filesystem::exists(path, error)) {
    throw UsageError(
        "E-JOURNAL-MISSING",
        fmt::format("{}: no such journal; `headroom runs` lists those there are", path.string()));
  }
  auto writer = std::make_unique<Writer>(path.parent_path(), clock);
  auto database = std::make_unique<Database>(path, Database::Access::kWrite);
  const int version = check_version(*database);
  prepare_to_write(*database);
  if (const std::string found = database->pragma_text("quick_check(1)"); found != "ok") {
    throw UsageError(
        "E-JOURNAL-CORRUPT",
        fmt::format(
            "{}: damaged: {}; restore it from a copy, or start a new run", path.string(), found));
  }
  if (version < kJournalVersion) {
    upgrade(*database, version);
  }
  return {path.parent_path(), std::move(database), std::move(writer)};
}

void Journal::add_items(
    const std::function<void(const std::function<void(const ItemRecord&)>&)>& each) {
  writer_->in_one_commit(*database_, [&] {
    each([this](const ItemRecord& item) { insert_item(*database_, item); });
    const std::string hash = data_hash_of(*database_);
    database_->query("UPDATE run SET data_hash = ?").bind(std::string_view(hash)).run();
  });
}

void Journal::set_model(const ModelRecord& model) {
  writer_->in_one_commit(*database_, [&] {
    database_
        ->query(
            "UPDATE model SET spec = ?, engine = ?, engine_version = ?, device = ?, dtype = ?, "
            "family = ?, parameters = ?, weights = ?, budget = ?, planned_peak = ?, plan = ?, "
            "notices = ?, earlier = ?, load_seconds = load_seconds + ?, loads = loads + ? "
            "WHERE no = ?")
        .bind(std::string_view(dump_json(to_json(model.spec))))
        .bind_text(model.engine)
        .bind_text(model.engine_version)
        .bind_text(model.device)
        .bind_text(model.dtype)
        .bind_text(model.family)
        .bind(static_cast<std::int64_t>(model.parameters))
        .bind(integer(model.weights))
        .bind(integer(model.budget))
        .bind(integer(model.planned_peak))
        .bind_text(model.plan.is_null() ? std::string() : dump_json(model.plan))
        .bind_text(model.notices.empty() ? std::string() : dump_json(Json(model.notices)))
        .bind_text(model.earlier.empty() ? std::string() : dump_json(earlier_json(model.earlier)))
        .bind(model.load_seconds)
        .bind(std::int64_t{model.loads})
        .bind(std::int64_t{model.no})
        .run();
  });
}

void Journal::commit(const GroupCommit& commit) {
  writer_->in_one_commit(*database_, [&] {
    for (const AnswerRecord& answer : commit.answers) {
      writer_->store(*database_, commit.model, answer);
    }
    for (const memory::MemoryEvent& event : commit.events) {
      writer_->store(*database_, commit.model, event);
    }
    for (const backends::Death& death : commit.deaths) {
      writer_->store(*database_, {commit.model, commit.group, {}, death});
    }
    writer_->series.put(*database_, commit.model, commit.readings);
    database_
        ->query(
            "INSERT INTO asked(model, grp, seconds, answers, measured_peak, planned_peak, budget) "
            "VALUES(?, ?, ?, ?, ?, ?, ?)")
        .bind(std::int64_t{commit.model})
        .bind(std::int64_t{commit.group})
        .bind(commit.seconds)
        .bind(static_cast<std::int64_t>(commit.answers.size()))
        .bind(integer(commit.peak.measured))
        .bind(integer(commit.peak.planned))
        .bind(integer(commit.peak.budget))
        .run();
    if (!commit.learnt.is_null()) {
      database_->query("UPDATE model SET learnt = ? WHERE no = ?")
          .bind(std::string_view(dump_json(commit.learnt)))
          .bind(std::int64_t{commit.model})
          .run();
    }
  });
}

Json Journal::learnt(std::uint32_t model) const {
  Statement row = database_->query("SELECT learnt FROM model WHERE no = ?");
  row.bind(std::int64_t{model});
  return row.step() && !row.is_null(0) ? parse_json(row.text(0), "journal, learnt") : Json();
}

void Journal::set_state(RunState state) {
  writer_->in_one_commit(*database_, [&] {
    database_->query("UPDATE run SET state = ?").bind(to_string(state)).run();
  });
}

void Journal::set_fingerprint(std::uint32_t model, const ModelFingerprint& fingerprint) {
  Specification spec = run().spec;
  spec.models.at(model).hash = fingerprint.hash;
  spec.models.at(model).files = fingerprint.files;
  writer_->in_one_commit(*database_, [&] {
    database_->query("UPDATE run SET specification = ?")
        .bind(std::string_view(dump_json(to_json(spec))))
        .run();
  });
}

void Journal::set_model_spec(std::uint32_t model, const ModelSpec& spec) {
  Specification whole = run().spec;
  whole.models.at(model) = spec;
  writer_->in_one_commit(*database_, [&] {
    database_->query("UPDATE run SET specification = ?")
        .bind(std::string_view(dump_json(to_json(whole))))
        .run();
    database_->query("UPDATE model SET spec = ? WHERE no = ?")
        .bind(std::string_view(dump_json(to_json(spec))))
        .bind(std::int64_t{model})
        .run();
  });
}

void Journal::change_data(const DataChange& change) {
  writer_->in_one_commit(*database_, [&] {
    for (const std::int64_t seq : change.removed) {
      set_answers_aside(*database_, "removed", seq);
      delete_item(*database_, seq);
    }
    for (const ItemRecord& item : change.replaced) {
      set_answers_aside(*database_, "changed", item.seq);
      delete_item(*database_, item.seq);
      insert_item(*database_, item);
    }
    for (const ItemRecord& item : change.touched) {
      delete_item(*database_, item.seq);
      insert_item(*database_, item);
    }
    for (const ItemRecord& item : change.added) {
      insert_item(*database_, item);
    }
    const std::string hash = data_hash_of(*database_);
    database_->query("UPDATE run SET data_hash = ?").bind(std::string_view(hash)).run();
  });
}

std::uint64_t Journal::set_failures_aside(std::uint32_t model) {
  std::int64_t count = 0;
  writer_->in_one_commit(*database_, [&] {
    database_
        ->query(
            "INSERT INTO superseded SELECT 'retried', i.id, i.hash, i.question, a.* FROM "
            "answer a JOIN item i ON i.seq = a.seq WHERE a.model = ? AND "
            "a.outcome <> 'answered'")
        .bind(std::int64_t{model})
        .run();
    database_->query("DELETE FROM answer WHERE model = ? AND outcome <> 'answered'")
        .bind(std::int64_t{model})
        .run();
    count = database_->changes();
    if (count > 0) {
      database_->query("UPDATE run SET state = ?").bind(to_string(RunState::kInterrupted)).run();
    }
  });
  return static_cast<std::uint64_t>(count);
}

}  // namespace headroom::run
