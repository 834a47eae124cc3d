#include <fmt/format.h>

#include "base/errors.h"
#include "database.h"
#include "journal_open.h"
#include "lock.h"
#include "rows.h"
#include "run/journal.h"
#include "schema.h"

namespace headroom::run {

namespace {

std::optional<Bytes> bytes_at(const Statement& row, int column) {
  const std::optional<std::int64_t> value = row.optional_integer(column);
  if (!value) {
    return std::nullopt;
  }
  return Bytes(static_cast<std::uint64_t>(*value));
}

RunState state_from(const std::string& text) {
  for (const RunState state : {RunState::kRunning, RunState::kInterrupted, RunState::kFinished}) {
    if (to_string(state) == text) {
      return state;
    }
  }
  throw UsageError("E-JOURNAL-CORRUPT", "journal: unknown state '" + text + "'");
}

EarlierEngine earlier_from_json(const Json& json) {
  return {json.at("until").get<std::string>(),
          json.at("engine").get<std::string>(),
          json.at("engine_version").get<std::string>(),
          json.at("device").get<std::string>(),
          json.at("dtype").get<std::string>(),
          json.at("hash").get<std::string>()};
}

Json json_of(const std::string& text, const char* what) {
  return text.empty() ? Json() : parse_json(text, std::string("journal, ") + what);
}

/// A medium that cannot be written has no place for the reader's lock; without a write-ahead log
/// nothing is lost by reading past it.
bool readable_as_immutable(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::path log = path.string() + "-wal";
  return !std::filesystem::exists(log, error) || std::filesystem::file_size(log, error) == 0;
}

}  // namespace

std::string_view to_string(RunState state) {
  switch (state) {
    case RunState::kRunning:
      return "running";
    case RunState::kInterrupted:
      return "interrupted";
    case RunState::kFinished:
      return "finished";
  }
  return "unknown";
}

Json to_json(const EarlierEngine& earlier) {
  return {{"until", earlier.until},
          {"engine", earlier.engine},
          {"engine_version", earlier.engine_version},
          {"device", earlier.device},
          {"dtype", earlier.dtype},
          {"hash", earlier.hash}};
}

std::filesystem::path journal_path(const std::filesystem::path& run) {
  std::error_code error;
  return std::filesystem::is_directory(run, error) ? run / kJournalName : run;
}

int check_version(Database& database) {
  const std::int64_t application = database.pragma_integer("application_id");
  const std::int64_t version = database.pragma_integer("user_version");
  const std::string where = database.path().string();
  if (application != kApplicationId) {
    throw UsageError("E-JOURNAL-CORRUPT",
                     fmt::format("{}: not a journal of Headroom, or one whose run ended before it "
                                 "was begun (application id {}, expected {}); start a new run",
                                 where,
                                 application,
                                 kApplicationId));
  }
  if (version < 1 || version > kJournalVersion) {
    throw UsageError("E-JOURNAL-VERSION",
                     fmt::format("{}: journal version {}, this program reads 1 to {}; use the "
                                 "Headroom that wrote it, or a newer one",
                                 where,
                                 version,
                                 kJournalVersion));
  }
  return static_cast<int>(version);
}

JournalReader::JournalReader(std::filesystem::path folder, std::unique_ptr<Database> database)
    : folder_(std::move(folder)), database_(std::move(database)) {}

JournalReader::JournalReader(JournalReader&&) noexcept = default;
JournalReader& JournalReader::operator=(JournalReader&&) noexcept = default;
JournalReader::~JournalReader() = default;

JournalReader JournalReader::open(const std::filesystem::path& run) {
  const std::filesystem::path path = journal_path(run);
  auto database = std::make_unique<Database>(path, Database::Access::kRead);
  int version = 0;
  try {
    version = check_version(*database);
  } catch (const ResourceError&) {
    if (!readable_as_immutable(path)) {
      throw;
    }
    database = std::make_unique<Database>(path, Database::Access::kImmutable);
    version = check_version(*database);
  }
  if (version < 2) {
    database->execute(kAsVersion2);
  }
  if (version < 3) {
    database->execute(kAsVersion3);
  }
  return {path.parent_path(), std::move(database)};
}

RunRecord JournalReader::run() const {
  RunRecord record;
  {
    Statement row =
        database_->query("SELECT id, created, updated, state, specification, data_hash FROM run");
    if (!row.step()) {
      throw UsageError("E-JOURNAL-CORRUPT",
                       database_->path().string() + ": the journal has no run");
    }
    record.id = row.text(0);
    record.created = row.text(1);
    record.updated = row.text(2);
    record.state = state_from(row.text(3));
    record.spec = specification_from_json(json_of(row.text(4), "specification"));
    record.data_hash = row.text(5);
  }
  Statement counts = database_->query("SELECT count(*), count(DISTINCT grp) FROM item");
  counts.step();
  record.items = static_cast<std::uint64_t>(counts.integer(0));
  record.groups = static_cast<std::uint32_t>(counts.integer(1));
  return record;
}

std::vector<ModelRecord> JournalReader::models() const {
  std::vector<ModelRecord> models;
  Statement row = database_->query(
      "SELECT no, spec, engine, engine_version, device, dtype, family, parameters, weights, budget,"
      " planned_peak, plan, notices, load_seconds, loads, earlier FROM model ORDER BY no");
  while (row.step()) {
    ModelRecord model;
    model.no = static_cast<std::uint32_t>(row.integer(0));
    model.spec = model_spec_from_json(json_of(row.text(1), "model"));
    model.engine = row.text(2);
    model.engine_version = row.text(3);
    model.device = row.text(4);
    model.dtype = row.text(5);
    model.family = row.text(6);
    model.parameters = static_cast<std::uint64_t>(row.integer(7));
    model.weights = bytes_at(row, 8);
    model.budget = bytes_at(row, 9);
    model.planned_peak = bytes_at(row, 10);
    model.plan = json_of(row.text(11), "plan");
    if (const Json notices = json_of(row.text(12), "notices"); notices.is_array()) {
      model.notices = notices.get<std::vector<std::string>>();
    }
    model.load_seconds = row.real(13);
    model.loads = static_cast<std::uint32_t>(row.integer(14));
    for (const Json& entry : json_of(row.text(15), "earlier")) {
      model.earlier.push_back(earlier_from_json(entry));
    }
    models.push_back(std::move(model));
  }
  return models;
}

std::uint64_t JournalReader::item_count() const {
  Statement row = database_->query("SELECT count(*) FROM item");
  row.step();
  return static_cast<std::uint64_t>(row.integer(0));
}

void JournalReader::for_each_item(const std::function<void(ItemRecord&&)>& visit) const {
  Statement row = database_->query("SELECT " HEADROOM_ITEM_COLUMNS " FROM item ORDER BY seq");
  while (row.step()) {
    visit(read_item(row, 0));
  }
}

void JournalReader::for_each_answer(
    std::uint32_t model,
    Readings readings,
    const std::function<void(const ItemRecord&, const AnswerRecord*)>& visit) const {
  Statement row = database_->query(
      "SELECT i.seq, id, hash, grp, cluster, line, question, conversation, refs, answer_type, "
      "question_type, pictures, defect, defect_outcome, arm, dialogue, turn, a.* FROM item i LEFT "
      "JOIN answer a "
      "ON a.model = ? AND a.seq = i.seq ORDER BY i.seq");
  row.bind(std::int64_t{model});
  Database* const lookup = readings == Readings::kFetch ? database_.get() : nullptr;
  while (row.step()) {
    const ItemRecord item = read_item(row, 0);
    if (row.is_null(kItemColumns)) {
      visit(item, nullptr);
      continue;
    }
    AnswerRecord answer = read_answer(row, kItemColumns, lookup);
    answer.answer.id = item.item.id;
    answer.answer.group = std::to_string(item.place.group);
    visit(item, &answer);
  }
}

void JournalReader::load_pictures(datasets::Item& item) const {
  run::load_pictures(*database_, item);
}

std::optional<ItemRecord> JournalReader::find_item(const std::string& id) const {
  Statement row = database_->query("SELECT " HEADROOM_ITEM_COLUMNS " FROM item WHERE id = ?");
  row.bind(std::string_view(id));
  if (!row.step()) {
    return std::nullopt;
  }
  return read_item(row, 0);
}

std::optional<AnswerRecord> JournalReader::find_answer(std::uint32_t model,
                                                       std::int64_t seq) const {
  Statement row = database_->query(
      "SELECT a.*, i.id, i.grp FROM answer a JOIN item i ON i.seq = a.seq "
      "WHERE a.model = ? AND a.seq = ?");
  row.bind(std::int64_t{model}).bind(seq);
  if (!row.step()) {
    return std::nullopt;
  }
  AnswerRecord answer = read_answer(row, 0, database_.get());
  answer.answer.id = row.text(kAnswerColumns);
  answer.answer.group = std::to_string(row.integer(kAnswerColumns + 1));
  return answer;
}

std::vector<std::string> JournalReader::unanswered_ids(std::uint32_t model,
                                                       std::size_t limit) const {
  Statement row = database_->query(
      "SELECT id FROM item i WHERE NOT EXISTS (SELECT 1 FROM answer a WHERE a.model = ? AND "
      "a.seq = i.seq AND a.outcome = 'answered') ORDER BY seq LIMIT ?");
  row.bind(std::int64_t{model}).bind(static_cast<std::int64_t>(limit));
  std::vector<std::string> ids;
  while (row.step()) {
    ids.push_back(row.text(0));
  }
  return ids;
}

std::uint64_t JournalReader::count_answers(std::uint32_t model) const {
  Statement row = database_->query("SELECT count(*) FROM answer WHERE model = ?");
  row.bind(std::int64_t{model});
  row.step();
  return static_cast<std::uint64_t>(row.integer(0));
}

std::string JournalReader::last_asked_at(std::uint32_t model) const {
  Statement row = database_->query("SELECT max(asked_at) FROM answer WHERE model = ?");
  row.bind(std::int64_t{model});
  row.step();
  return row.text(0);
}

std::uint64_t JournalReader::superseded_count(std::uint32_t model) const {
  Statement row = database_->query("SELECT count(*) FROM superseded WHERE model = ?");
  row.bind(std::int64_t{model});
  row.step();
  return static_cast<std::uint64_t>(row.integer(0));
}

std::optional<std::uint32_t> JournalReader::next_open_group(std::uint32_t model,
                                                            std::uint32_t from) const {
  Statement row = database_->query(
      "SELECT grp FROM item i WHERE grp >= ? AND NOT EXISTS (SELECT 1 FROM answer a WHERE "
      "a.model = ? AND a.seq = i.seq) ORDER BY grp, seq LIMIT 1");
  row.bind(std::int64_t{from}).bind(std::int64_t{model});
  if (!row.step()) {
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(row.integer(0));
}

std::vector<ItemRecord> JournalReader::open_items(std::uint32_t model, std::uint32_t group) const {
  std::vector<ItemRecord> items;
  Statement row = database_->query("SELECT " HEADROOM_ITEM_COLUMNS
                                   " FROM item i WHERE grp = ? AND NOT EXISTS (SELECT 1 FROM "
                                   "answer a WHERE a.model = ? AND a.seq = i.seq) ORDER BY seq");
  row.bind(std::int64_t{group}).bind(std::int64_t{model});
  while (row.step()) {
    items.push_back(read_item(row, 0));
    load_pictures(items.back().item);
  }
  return items;
}

double JournalReader::asking_seconds(std::uint32_t model) const {
  Statement row = database_->query("SELECT total(seconds) FROM asked WHERE model = ?");
  row.bind(std::int64_t{model});
  row.step();
  return row.real(0);
}

PeakRecord JournalReader::nearest_peak(std::uint32_t model) const {
  // Files of version 1 have one budget, the last stretch's, beside the model.
  Statement row = database_->query(
      "SELECT a.measured_peak, coalesce(a.planned_peak, m.planned_peak), "
      "coalesce(a.budget, m.budget) AS held FROM model m LEFT JOIN asked a ON a.model = m.no WHERE "
      "m.no = ? ORDER BY a.measured_peak * 1.0 / held DESC, a.measured_peak DESC, "
      "a.no DESC LIMIT 1");
  row.bind(std::int64_t{model});
  if (!row.step()) {
    return {};
  }
  return {bytes_at(row, 0), bytes_at(row, 1), bytes_at(row, 2)};
}

std::string JournalReader::integrity() const { return database_->pragma_text("integrity_check"); }

}  // namespace headroom::run
