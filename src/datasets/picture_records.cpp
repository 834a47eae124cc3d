#include "picture_records.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "base/errors.h"
#include "base/grouped.h"
#include "fields.h"
#include "json_elements.h"
#include "json_text.h"
#include "mentions.h"
#include "picture_cell.h"
#include "picture_names.h"
#include "unknown_keys.h"
#include "vqav2_records.h"

namespace headroom::datasets {

namespace fs = std::filesystem;

namespace {

const Json* member(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::string text_member(const Json& object, const char* key) {
  const Json* const found = member(object, key);
  return found == nullptr ? std::string() : as_text(*found).value_or("");
}

/// A text, or each text of a list.
void add_texts(const Json* value, std::vector<std::string>& texts) {
  if (value == nullptr) {
    return;
  }
  for (const Json& each : value->is_array() ? *value : Json::array({*value})) {
    if (auto text = as_text(each); text && !text->empty()) {
      texts.push_back(std::move(*text));
    }
  }
}

/// The first of two names that a thing has.
std::string either(const Json& object, const char* first, const char* second) {
  std::string text = text_member(object, first);
  return text.empty() ? text_member(object, second) : text;
}

void read_facts(const Json& object, PictureFacts& facts) {
  if (const Json* const items = member(object, "items"); items != nullptr && items->is_array()) {
    for (const Json& item : *items) {
      if (item.is_object()) {
        facts.items.push_back({either(item, "shape", "object"),
                               either(item, "color", "attribute"),
                               text_member(item, "position")});
      } else if (auto text = as_text(item)) {
        facts.items.push_back({std::move(*text), {}, {}});
      }
    }
    std::erase_if(facts.items, [](const scoring::Fact& fact) { return fact.object.empty(); });
  }
  add_texts(member(object, "colors"), facts.colors);
  if (const Json* const people = member(object, "people");
      people != nullptr && people->is_boolean()) {
    facts.people = people->get<bool>();
  }
  if (std::string summary = text_member(object, "summary"); !summary.empty()) {
    facts.summary = std::move(summary);
  }
  if (const Json* const list = member(object, "questions"); list != nullptr && list->is_array()) {
    for (const Json& each : *list) {
      if (!each.is_object()) {
        continue;
      }
      std::string answer = text_member(each, "answer");
      if (!answer.empty()) {  // nothing could be right without one
        facts.questions.emplace_back(text_member(each, "question"), std::move(answer));
      }
    }
  }
}

const std::vector<std::string> kFactKeys = {"items", "colors", "people", "summary", "questions"};
const std::vector<std::string> kItemKeys = {"shape", "object", "color", "attribute", "position"};
const std::vector<std::string> kQuestionKeys = {"question", "answer"};
// What COCO's files have beside what is read of them is no slip of the pen.
const std::vector<std::string> kCocoImageKeys = {
    "id", "file_name", "width", "height", "license", "date_captured", "flickr_url", "coco_url"};
const std::vector<std::string> kCocoCaptionKeys = {"id", "image_id", "caption"};

/// Keys of a row that are read.
std::vector<std::string> row_keys(const Fields& fields) {
  std::vector<std::string> keys = kFactKeys;
  keys.insert(keys.end(), {"caption", "captions", "description", "facts"});
  for (const Role role : {Role::kId, Role::kImage}) {
    keys.insert(keys.end(), fields.names(role).begin(), fields.names(role).end());
  }
  return keys;
}

void add_unknown_of_list(const Json* list,
                         const std::vector<std::string>& known,
                         UnknownKeys& unknown) {
  if (list != nullptr && list->is_array()) {
    for (const Json& each : *list) {
      unknown.add(each, known);
    }
  }
}

/// Of what read_facts() looks into.
void add_unknown_of_facts(const Json& object, UnknownKeys& unknown) {
  add_unknown_of_list(member(object, "items"), kItemKeys, unknown);
  add_unknown_of_list(member(object, "questions"), kQuestionKeys, unknown);
}

void note_unknown(const std::string& file, const UnknownKeys& unknown, PictureRecords& records) {
  if (const std::optional<std::string> notice = unknown.notice()) {
    records.notices.push_back(fmt::format("{}: {}", file, *notice));
  }
}

/// Entries from objects that name their picture.
class RecordReader {
 public:
  RecordReader(std::unique_ptr<RowSource> rows, fs::path folder)
      : rows_(std::move(rows)),
        fields_({}),
        row_keys_(row_keys(fields_)),
        names_(std::move(folder)) {}

  PictureRecords read() {
    while (const std::optional<Row> row = rows_->next()) {
      add(*row);
    }
    if (records_.entries.empty()) {
      throw UsageError("E-DATA-EMPTY",
                       fmt::format("{}: no {}s in the file, expected one object for each picture, "
                                   "such as {{\"image\": \"a.jpg\", \"caption\": \"...\"}}",
                                   rows_->file(),
                                   rows_->unit()));
    }
    const bool facts = std::any_of(records_.entries.begin(),
                                   records_.entries.end(),
                                   [](const PictureEntry& entry) { return !entry.facts.empty(); });
    records_.name = facts ? "scenes" : "captions";
    if (names_.found_under_other_form() > 0) {
      records_.notices.push_back(
          fmt::format("found under the other Unicode form (NFC/NFD): {}",
                      counted(names_.found_under_other_form(), "picture name")));
    }
    note_unknown(rows_->file(), unknown_, records_);
    return std::move(records_);
  }

 private:
  void add(const Row& read) {
    const std::string where = rows_->where(read.number);
    const Json row = parse_json_text(read.text, where);
    const Json* const image = row.is_object() ? fields_.find(row, Role::kImage) : nullptr;
    if (image == nullptr) {
      throw UsageError("E-DATA-FIELD",
                       fmt::format("{}: expected an object that names its picture (image, "
                                   "image_path, file_name), such as {{\"image\": \"a.jpg\", "
                                   "\"caption\": \"...\"}}",
                                   where));
    }
    PictureEntry entry;
    entry.line = read.number;
    read_picture(*image, row, where, entry);
    add_texts(member(row, "caption"), entry.captions);
    add_texts(member(row, "captions"), entry.captions);
    add_texts(member(row, "description"), entry.captions);
    read_facts(row, entry.facts);
    unknown_.add(row, row_keys_);
    add_unknown_of_facts(row, unknown_);
    if (const Json* const facts = member(row, "facts"); facts != nullptr) {
      // A bare list is the items.
      const Json object = facts->is_object() ? *facts : Json{{"items", *facts}};
      read_facts(object, entry.facts);
      unknown_.add(object, kFactKeys);
      add_unknown_of_facts(object, unknown_);
    }
    keep(std::move(entry), fields_.find(row, Role::kId) != nullptr, where);
  }

  void read_picture(const Json& image,
                    const Json& row,
                    const std::string& where,
                    PictureEntry& entry) {
    const Json* const id = fields_.find(row, Role::kId);
    entry.id = id == nullptr ? std::string() : as_text(*id).value_or("");
    const std::string place = fmt::format("{}-{}", rows_->unit(), entry.line);
    PictureCell cell = read_picture_cell(image, entry.id.empty() ? place : entry.id, names_);
    if (cell.defect.empty() && cell.pictures.size() != 1) {
      cell.defect = fmt::format("{} pictures, expected one", cell.pictures.size());
    }
    if (cell.defect.empty()) {
      entry.picture = std::move(cell.pictures.front());
    }
    if (entry.id.empty()) {
      entry.id = entry.picture.name.empty() ? place : composed(entry.picture.name);
    }
    if (!cell.defect.empty()) {
      entry.defect = fmt::format("{}, id '{}': {}", where, entry.id, cell.defect);
    }
  }

  void keep(PictureEntry&& entry, bool named, const std::string& where) {
    const auto [known, fresh] =
        places_.emplace(entry.id, Place{records_.entries.size(), entry.line, named});
    if (fresh) {
      records_.entries.push_back(std::move(entry));
      return;
    }
    if (named || known->second.named) {
      throw UsageError("E-DUPLICATE-ID",
                       fmt::format("{}: id '{}' stands in {} {} already; ids must differ",
                                   where,
                                   entry.id,
                                   rows_->unit(),
                                   known->second.line));
    }
    PictureEntry& first = records_.entries[known->second.index];
    std::move(entry.captions.begin(), entry.captions.end(), std::back_inserter(first.captions));
    if (first.facts.empty()) {
      first.facts = std::move(entry.facts);
    }
  }

  struct Place {
    std::size_t index = 0;
    std::uint64_t line = 0;
    bool named = false;
  };

  std::unique_ptr<RowSource> rows_;
  Fields fields_;
  std::vector<std::string> row_keys_;
  UnknownKeys unknown_;
  PictureNames names_;
  PictureRecords records_;
  std::unordered_map<std::string, Place> places_;  ///< by id
};

/// "val2017" of captions_val2017.json.
std::string split_of(const fs::path& file) {
  const std::string stem = file.stem().string();
  return stem.substr(stem.find_last_of("_-") + 1);
}

/// The first of the usual folders that has this picture.
fs::path coco_folder(const fs::path& file, const std::string& picture) {
  const fs::path beside = file.has_parent_path() ? file.parent_path() : fs::path(".");
  const std::string split = split_of(file);
  for (const fs::path& folder : {beside,
                                 beside / "images",
                                 beside / split,
                                 beside / ".." / split,
                                 beside / ".." / "images"}) {
    std::error_code ignored;
    if (fs::exists(folder / picture, ignored)) {
      return folder;
    }
  }
  return beside;
}

std::string required_text(const Json& record,
                          const char* key,
                          const JsonElements& records,
                          const Row& row) {
  std::string text = text_member(record, key);
  if (text.empty()) {
    throw UsageError("E-DATA-FIELD",
                     fmt::format("{}: no '{}' in it; expected COCO's images {{\"id\", "
                                 "\"file_name\"}} and annotations {{\"image_id\", \"caption\"}}",
                                 records.where(row.number),
                                 key));
  }
  return text;
}

PictureRecords read_coco(const fs::path& file, const fs::path& pictures) {
  PictureRecords result;
  result.name = "coco";
  std::unordered_map<std::string, std::size_t> by_id;
  std::optional<PictureNames> names;
  UnknownKeys unknown_keys;
  JsonElements images(file, "images");
  while (const std::optional<Row> row = images.next()) {
    const Json record = parse_record(images, *row);
    unknown_keys.add(record, kCocoImageKeys);
    PictureEntry entry;
    entry.id = required_text(record, "id", images, *row);
    entry.line = row->number;
    const std::string name = required_text(record, "file_name", images, *row);
    if (!names) {
      names.emplace(pictures.empty() ? coco_folder(file, name) : pictures);
    }
    entry.picture = {names->resolve(name), {}, name};
    const auto [known, fresh] = by_id.emplace(entry.id, result.entries.size());
    if (!fresh) {
      throw UsageError("E-DUPLICATE-ID",
                       fmt::format("{}: id '{}' stands in record {} already; ids must differ",
                                   images.where(row->number),
                                   entry.id,
                                   result.entries[known->second].line));
    }
    result.entries.push_back(std::move(entry));
  }
  Mentions unknown;
  JsonElements annotations(file, "annotations");
  while (const std::optional<Row> row = annotations.next()) {
    const Json record = parse_record(annotations, *row);
    unknown_keys.add(record, kCocoCaptionKeys);
    const std::string id = required_text(record, "image_id", annotations, *row);
    const auto known = by_id.find(id);
    if (known == by_id.end()) {
      unknown.add(id);
    } else {
      add_texts(member(record, "caption"), result.entries[known->second].captions);
    }
  }
  if (result.entries.empty()) {
    throw UsageError("E-DATA-EMPTY", fmt::format("{}: 'images' is empty", file.string()));
  }
  if (unknown.count() > 0) {
    result.notices.push_back(fmt::format("{} about pictures that 'images' has not: {}",
                                         counted(unknown.count(), "caption"),
                                         unknown.list()));
  }
  note_unknown(file.string(), unknown_keys, result);
  return result;
}

std::string extension_of(const fs::path& file) {
  std::string extension = file.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return extension;
}

bool begins_with_object(const fs::path& file) {
  ByteSource source(file);
  const std::string_view text = source.available();
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '{';
}

}  // namespace

bool is_records_name(const fs::path& file) {
  const std::string extension = extension_of(file);
  return extension == ".jsonl" || extension == ".ndjson" || extension == ".json";
}

PictureRecords read_picture_records(const fs::path& file, const fs::path& pictures) {
  const fs::path beside = file.has_parent_path() ? file.parent_path() : fs::path(".");
  const fs::path folder = pictures.empty() ? beside : pictures;
  if (extension_of(file) != ".json") {
    return RecordReader(std::make_unique<LineRows>(file), folder).read();
  }
  if (begins_with_object(file)) {
    return read_coco(file, pictures);
  }
  return RecordReader(std::make_unique<JsonElements>(file), folder).read();
}

}  // namespace headroom::datasets
