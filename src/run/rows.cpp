#include "rows.h"

#include <array>
#include <utility>

#include "base/errors.h"
#include "base/hash.h"
#include "base/outcome.h"

namespace headroom::run {

namespace {

using memory::Reading;

/// In the order of the columns of `reading`.
constexpr std::array<std::optional<Bytes> Reading::*, 11> kSensors = {
    &Reading::active,
    &Reading::cache,
    &Reading::peak,
    &Reading::worker_footprint,
    &Reading::worker_footprint_peak,
    &Reading::supervisor_footprint,
    &Reading::system_available,
    &Reading::cgroup_used,
    &Reading::cgroup_limit,
    &Reading::device_used,
    &Reading::device_free,
};

/// Readings that are looked at for the same value: those of one group and a little more.
constexpr std::size_t kKeep = 8;

bool same(const Reading& a, const Reading& b) {
  if (milliseconds(a.time) != milliseconds(b.time)) {
    return false;
  }
  for (const auto sensor : kSensors) {
    if (a.*sensor != b.*sensor) {
      return false;
    }
  }
  return true;
}

std::optional<std::int64_t> as_integer(const std::optional<Bytes>& bytes) {
  if (!bytes) {
    return std::nullopt;
  }
  return static_cast<std::int64_t>(bytes->count());
}

std::optional<Bytes> as_bytes(const std::optional<std::int64_t>& value) {
  if (!value) {
    return std::nullopt;
  }
  return Bytes(static_cast<std::uint64_t>(*value));
}

std::uint32_t as_count(std::int64_t value) { return static_cast<std::uint32_t>(value); }

Json part_json(const Part& part) {
  switch (part.kind) {
    case Part::Kind::kText:
      return part.text;
    case Part::Kind::kImage:
      return part.image;
    case Part::Kind::kAnswer:
      return {{"answer", part.text}};
  }
  return {};
}

Part part_from(const Json& json) {
  if (json.is_object()) {
    return Part::of_answer(json.at("answer").get<std::string>());
  }
  return json.is_string() ? Part::of_text(json.get<std::string>())
                          : Part::of_image(json.get<std::size_t>());
}

/// Compact, since each item has one: [["user", [0, "What is it?"]]], numbers being pictures and
/// {"answer": id} the place of an earlier item's answer.
Json conversation_json(const Conversation& conversation) {
  Json messages = Json::array();
  for (const Message& message : conversation) {
    Json parts = Json::array();
    for (const Part& part : message.parts) {
      parts.push_back(part_json(part));
    }
    messages.push_back(Json::array({message.role, std::move(parts)}));
  }
  return messages;
}

Conversation conversation_from(const Json& json) {
  Conversation conversation;
  for (const Json& entry : json) {
    Message message;
    message.role = entry.at(0).get<std::string>();
    for (const Json& part : entry.at(1)) {
      message.parts.push_back(part_from(part));
    }
    conversation.push_back(std::move(message));
  }
  return conversation;
}

Json facts_json(const std::vector<scoring::Fact>& facts) {
  Json list = Json::array();
  for (const scoring::Fact& fact : facts) {
    list.push_back(Json::array({fact.object, fact.attribute, fact.position}));
  }
  return list;
}

/// Usually a list; with the data's own choice among them, or facts, an object.
Json references_json(const scoring::Truth& truth) {
  if (truth.chosen.empty() && truth.facts.empty()) {
    return truth.references;
  }
  Json json = {{"answers", truth.references}};
  if (!truth.chosen.empty()) {
    json["chosen"] = truth.chosen;
  }
  if (!truth.facts.empty()) {
    json["facts"] = facts_json(truth.facts);
  }
  return json;
}

void read_references(const Json& json, scoring::Truth& truth) {
  if (json.is_array()) {
    truth.references = json.get<std::vector<std::string>>();
    return;
  }
  if (!json.is_object()) {
    return;
  }
  truth.references = json.at("answers").get<std::vector<std::string>>();
  truth.chosen = json.value("chosen", std::string());
  for (const Json& fact : json.value("facts", Json::array())) {
    truth.facts.push_back({fact.at(0).get<std::string>(),
                           fact.at(1).get<std::string>(),
                           fact.at(2).get<std::string>()});
  }
}

Json pictures_json(const std::vector<datasets::Picture>& pictures) {
  Json list = Json::array();
  for (const datasets::Picture& picture : pictures) {
    Json entry = {{"name", picture.name}};
    if (picture.path.empty()) {
      entry["hash"] = content_hash(picture.bytes);
    } else {
      entry["path"] = picture.path.string();
    }
    list.push_back(std::move(entry));
  }
  return list;
}

std::vector<datasets::Picture> pictures_from(const Json& json) {
  std::vector<datasets::Picture> pictures;
  for (const Json& entry : json) {
    datasets::Picture picture;
    picture.name = entry.at("name").get<std::string>();
    picture.path = entry.value("path", std::string());
    pictures.push_back(std::move(picture));
  }
  return pictures;
}

Json log_probs_json(const std::vector<worker::TokenLogProb>& log_probs) {
  Json list = Json::array();
  for (const worker::TokenLogProb& entry : log_probs) {
    Json top = Json::array();
    for (const auto& [token, value] : entry.top) {
      top.push_back(Json::array({token, value}));
    }
    list.push_back(Json::array({entry.token, entry.log_prob, std::move(top)}));
  }
  return list;
}

std::vector<worker::TokenLogProb> log_probs_from(const Json& json) {
  std::vector<worker::TokenLogProb> list;
  for (const Json& entry : json) {
    worker::TokenLogProb token;
    token.token = entry.at(0).get<std::int32_t>();
    token.log_prob = entry.at(1).get<double>();
    for (const Json& pair : entry.at(2)) {
      token.top.emplace_back(pair.at(0).get<std::int32_t>(), pair.at(1).get<double>());
    }
    list.push_back(std::move(token));
  }
  return list;
}

/// What few answers have or few readers want.
Json extra_json(const worker::Answer& answer) {
  Json extra = Json::object();
  if (!answer.prompt.empty()) {
    extra["prompt"] = answer.prompt;
  }
  if (answer.counted_tokens != 0) {
    extra["counted_tokens"] = answer.counted_tokens;
  }
  if (!answer.input_ids.empty()) {
    extra["input_ids"] = answer.input_ids;
  }
  if (!answer.picture_hashes.empty()) {
    extra["picture_hashes"] = answer.picture_hashes;
  }
  if (!answer.notices.empty()) {
    extra["notices"] = answer.notices;
  }
  return extra;
}

std::string text_of(const Json& json) { return json.empty() ? std::string() : dump_json(json); }

Json json_at(const Statement& row, int column, const char* what) {
  const std::string text = row.text(column);
  return text.empty() ? Json() : parse_json(text, std::string("journal, ") + what);
}

}  // namespace

std::int64_t milliseconds(WallTime time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

WallTime from_milliseconds(std::int64_t count) {
  return WallTime(std::chrono::milliseconds(count));
}

void bind_item(Statement& statement, const ItemRecord& record) {
  const datasets::Item& item = record.item;
  statement.bind(record.seq)
      .bind(std::string_view(item.id))
      .bind(std::string_view(record.hash))
      .bind(std::int64_t{record.place.group})
      .bind(std::int64_t{record.place.cluster})
      .bind(static_cast<std::int64_t>(item.line))
      .bind_text(item.question)
      .bind_text(text_of(conversation_json(item.conversation)))
      .bind_text(text_of(references_json(item.truth)))
      .bind_text(item.truth.answer_type)
      .bind_text(item.truth.question_type)
      .bind_text(text_of(pictures_json(item.pictures)))
      .bind_text(item.defect)
      .bind_text(item.defect.empty() ? std::string_view() : to_string(item.defect_outcome))
      .bind_text(item.arm)
      .bind_text(item.dialogue)
      .bind(item.turn == 0 ? std::nullopt : std::optional<std::int64_t>(item.turn));
}

ItemRecord read_item(const Statement& row, int first) {
  ItemRecord record;
  record.seq = row.integer(first);
  record.item.id = row.text(first + 1);
  record.hash = row.text(first + 2);
  record.place.rank = as_count(record.seq);
  record.place.group = as_count(row.integer(first + 3));
  record.place.cluster = as_count(row.integer(first + 4));
  record.item.line = static_cast<std::uint64_t>(row.integer(first + 5));
  record.item.question = row.text(first + 6);
  record.item.conversation = conversation_from(json_at(row, first + 7, "conversation"));
  read_references(json_at(row, first + 8, "references"), record.item.truth);
  record.item.truth.answer_type = row.text(first + 9);
  record.item.truth.question_type = row.text(first + 10);
  record.item.pictures = pictures_from(json_at(row, first + 11, "pictures"));
  record.item.defect = row.text(first + 12);
  record.item.defect_outcome =
      outcome_from_string(row.text(first + 13)).value_or(record.item.defect_outcome);
  record.item.arm = row.text(first + 14);
  record.item.dialogue = row.text(first + 15);
  record.item.turn = as_count(row.optional_integer(first + 16).value_or(0));
  return record;
}

void store_pictures(Database& database, const datasets::Item& item) {
  for (const datasets::Picture& picture : item.pictures) {
    if (picture.path.empty()) {
      database.query("INSERT OR IGNORE INTO picture(hash, bytes) VALUES(?, ?)")
          .bind(std::string_view(content_hash(picture.bytes)))
          .bind_blob(picture.bytes)
          .run();
    }
  }
}

void load_pictures(Database& database, datasets::Item& item) {
  bool embedded = false;
  for (const datasets::Picture& picture : item.pictures) {
    embedded = embedded || picture.path.empty();
  }
  if (!embedded) {
    return;
  }
  Statement row = database.query("SELECT pictures FROM item WHERE id = ?");
  row.bind(std::string_view(item.id));
  if (!row.step()) {
    throw InternalError("journal: item " + item.id + " has gone while it was read");
  }
  const Json list = json_at(row, 0, "pictures");
  for (std::size_t i = 0; i < item.pictures.size(); ++i) {
    if (!item.pictures[i].path.empty()) {
      continue;
    }
    Statement bytes = database.query("SELECT bytes FROM picture WHERE hash = ?");
    bytes.bind(std::string_view(list.at(i).at("hash").get_ref<const std::string&>()));
    if (bytes.step()) {
      item.pictures[i].bytes = bytes.text(0);
    }
  }
}

std::int64_t ReadingStore::put(Database& database, const Reading& reading) {
  for (const Known& known : recent_) {
    if (same(known.reading, reading)) {
      return known.row;
    }
  }
  Statement insert = database.query(
      "INSERT INTO reading(time, active, cache, peak, worker_footprint, worker_footprint_peak, "
      "supervisor_footprint, system_available, cgroup_used, cgroup_limit, device_used, device_free)"
      " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING no");
  insert.bind(milliseconds(reading.time));
  for (const auto sensor : kSensors) {
    insert.bind(as_integer(reading.*sensor));
  }
  insert.step();
  const std::int64_t row = insert.integer(0);
  while (insert.step()) {
  }
  if (recent_.size() == kKeep) {
    recent_.erase(recent_.begin());
  }
  recent_.push_back({row, reading});
  return row;
}

Reading read_reading(const Statement& row, int first) {
  Reading reading;
  reading.time = from_milliseconds(row.integer(first));
  for (std::size_t i = 0; i < kSensors.size(); ++i) {
    reading.*kSensors[i] = as_bytes(row.optional_integer(first + 1 + static_cast<int>(i)));
  }
  return reading;
}

std::optional<Reading> find_reading(Database& database, std::optional<std::int64_t> number) {
  if (!number) {
    return std::nullopt;
  }
  Statement row = database.query(
      "SELECT time, active, cache, peak, worker_footprint, worker_footprint_peak, "
      "supervisor_footprint, system_available, cgroup_used, cgroup_limit, device_used, device_free "
      "FROM reading WHERE no = ?");
  row.bind(*number);
  if (!row.step()) {
    return std::nullopt;
  }
  return read_reading(row, 0);
}

void bind_answer(Statement& statement,
                 std::uint32_t model,
                 const AnswerRecord& record,
                 std::int64_t before,
                 std::int64_t after) {
  const worker::Answer& answer = record.answer;
  statement.bind(std::int64_t{model})
      .bind(record.seq)
      .bind(to_string(answer.outcome))
      .bind_text(answer.text)
      .bind_text(answer.error)
      .bind_text(answer.error_code)
      .bind_text(text_of(Json(answer.token_ids)))
      .bind(std::int64_t{answer.stopped})
      .bind(std::int64_t{answer.prompt_tokens})
      .bind(std::int64_t{answer.image_tokens})
      .bind(std::int64_t{answer.prefilled_tokens})
      .bind_text(text_of(log_probs_json(answer.log_probs)))
      .bind_text(text_of(extra_json(answer)))
      .bind(answer.seconds.preprocess)
      .bind(answer.seconds.encode)
      .bind(answer.seconds.prefill)
      .bind(answer.seconds.decode)
      .bind(before)
      .bind(after)
      .bind_text(answer.rung)
      .bind(as_integer(record.planned_peak))
      .bind(as_integer(record.measured_peak))
      .bind_text(record.asked_at);
}

AnswerRecord read_answer(const Statement& row, int first, Database* database) {
  AnswerRecord record;
  worker::Answer& answer = record.answer;
  record.seq = row.integer(first + 1);
  const std::string outcome = row.text(first + 2);
  const std::optional<Outcome> known = outcome_from_string(outcome);
  if (!known) {
    throw UsageError("E-JOURNAL-CORRUPT", "journal: unknown outcome '" + outcome + "'");
  }
  answer.outcome = *known;
  answer.text = row.text(first + 3);
  answer.error = row.text(first + 4);
  answer.error_code = row.text(first + 5);
  if (const Json ids = json_at(row, first + 6, "token ids"); ids.is_array()) {
    answer.token_ids = ids.get<std::vector<std::int32_t>>();
  }
  answer.stopped = row.integer(first + 7) != 0;
  answer.prompt_tokens = as_count(row.integer(first + 8));
  answer.image_tokens = as_count(row.integer(first + 9));
  answer.prefilled_tokens = as_count(row.integer(first + 10));
  answer.log_probs = log_probs_from(json_at(row, first + 11, "log probabilities"));
  if (const Json extra = json_at(row, first + 12, "extra"); extra.is_object()) {
    answer.prompt = extra.value("prompt", std::string());
    answer.counted_tokens = extra.value("counted_tokens", std::uint32_t{0});
    answer.input_ids = extra.value("input_ids", std::vector<std::int32_t>());
    answer.picture_hashes = extra.value("picture_hashes", std::vector<std::string>());
    answer.notices = extra.value("notices", std::vector<std::string>());
  }
  answer.seconds = {
      row.real(first + 13), row.real(first + 14), row.real(first + 15), row.real(first + 16)};
  if (database != nullptr) {
    answer.before = find_reading(*database, row.optional_integer(first + 17)).value_or(Reading{});
    answer.after = find_reading(*database, row.optional_integer(first + 18)).value_or(Reading{});
  }
  answer.rung = row.text(first + 19);
  record.planned_peak = as_bytes(row.optional_integer(first + 20));
  record.measured_peak = as_bytes(row.optional_integer(first + 21));
  record.asked_at = row.text(first + 22);
  return record;
}

void bind_event(Statement& statement,
                std::uint32_t model,
                const memory::MemoryEvent& event,
                std::optional<std::int64_t> before,
                std::optional<std::int64_t> after) {
  statement.bind(std::int64_t{model})
      .bind(milliseconds(event.time))
      .bind(memory::to_string(event.kind))
      .bind_text(event.group)
      .bind_text(event.detail)
      .bind_text(event.reason)
      .bind(event.freed)
      .bind(seconds(event.duration))
      .bind(before)
      .bind(after)
      .bind_text(text_of(event.numbers))
      .bind_text(event.phase ? memory::to_string(*event.phase) : std::string_view())
      .bind_text(event.item);
}

MemoryRecord read_event(const Statement& row, int first, Database& database) {
  MemoryRecord record;
  record.model = as_count(row.integer(first));
  record.event.time = from_milliseconds(row.integer(first + 1));
  const std::string kind = row.text(first + 2);
  const std::optional<memory::MemoryEvent::Kind> known = memory::event_kind_from_string(kind);
  if (!known) {
    throw UsageError("E-JOURNAL-CORRUPT", "journal: unknown memory event '" + kind + "'");
  }
  record.event.kind = *known;
  record.event.group = row.text(first + 3);
  record.event.detail = row.text(first + 4);
  record.event.reason = row.text(first + 5);
  record.event.freed = row.optional_integer(first + 6);
  record.event.duration =
      std::chrono::duration_cast<Duration>(std::chrono::duration<double>(row.real(first + 7)));
  record.event.before = find_reading(database, row.optional_integer(first + 8));
  record.event.after = find_reading(database, row.optional_integer(first + 9));
  if (const Json numbers = json_at(row, first + 10, "numbers"); numbers.is_object()) {
    record.event.numbers = numbers;
  }
  record.event.phase = memory::phase_from_string(row.text(first + 11));
  record.event.item = row.text(first + 12);
  return record;
}

backends::Death::Kind death_kind(const std::string& text) {
  using Kind = backends::Death::Kind;
  for (const Kind kind :
       {Kind::kOutOfMemory, Kind::kSignal, Kind::kExit, Kind::kHang, Kind::kProtocol}) {
    if (backends::to_string(kind) == text) {
      return kind;
    }
  }
  throw UsageError("E-JOURNAL-CORRUPT", "journal: unknown kind of death '" + text + "'");
}

}  // namespace headroom::run
