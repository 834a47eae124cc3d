#include "row_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/errors.h"
#include "base/grouped.h"
#include "base/spelling.h"
#include "json_text.h"
#include "picture_cell.h"
#include "prompt.h"

namespace headroom::datasets {

namespace {

std::vector<Option> read_options(const Json& row, const Fields& fields) {
  std::vector<Option> options;
  for (char letter = 'A'; letter <= 'Z'; ++letter) {
    const std::string name(1, letter);
    const auto field = row.find(name);
    if (field == row.end() || fields.is_mapped_name(name)) {
      continue;
    }
    std::optional<std::string> text = as_text(*field);
    if (text && !text->empty()) {
      options.emplace_back(letter, std::move(*text));
    }
  }
  return options.size() >= 2 ? options : std::vector<Option>();
}

std::string text_field(const Fields& fields, const Json& row, Role role) {
  const Json* const field = fields.find(row, role);
  return field == nullptr ? "" : as_text(*field).value_or("");
}

}  // namespace

std::vector<std::string> read_references(const Json& field) {
  std::vector<std::string> references;
  const auto add = [&](const Json& value) {
    const auto inner = value.is_object() ? value.find("answer") : value.end();
    const Json& text = value.is_object() && inner != value.end() ? *inner : value;
    if (auto reference = as_text(text)) {
      references.push_back(std::move(*reference));
    }
  };
  if (field.is_array()) {
    for (const Json& each : field) {
      add(each);
    }
  } else {
    add(field);
    if (references.size() == 1 && references.front().empty()) {
      references.clear();
    }
  }
  return references;
}

RowReader::RowReader(std::unique_ptr<RowSource> rows,
                     const FieldMap& map,
                     std::filesystem::path picture_folder)
    : rows_(std::move(rows)), fields_(map), names_(std::move(picture_folder)) {}

std::string RowReader::place(const Item& item) const {
  return fmt::format("{} ({} {})", item.id, rows_->unit(), item.line);
}

std::string RowReader::read_id(const Json& row, std::uint64_t number) {
  std::string id = text_field(fields_, row, Role::kId);
  if (id.empty()) {
    id = fmt::format("{}-{}", rows_->unit(), number);
    without_id_.add(fmt::format("{} {}", rows_->unit(), number));
  }
  return id;
}

void RowReader::require_new_id(const std::string& id, std::uint64_t number) {
  const auto [place, is_new] = numbers_.try_emplace(id, number);
  if (!is_new) {
    throw UsageError(
        "E-DATA-DUPLICATE",
        fmt::format("{}: id '{}' stands at {} {} and again at {} {}; answers are kept by id: "
                    "make the ids unique, or name another field with --map id=FIELD",
                    rows_->file(),
                    id,
                    rows_->unit(),
                    place->second,
                    rows_->unit(),
                    number));
  }
}

void RowReader::read_question(const Json& row, Item& item) const {
  const Json* const field = fields_.find(row, Role::kQuestion);
  const std::optional<std::string> question = field == nullptr ? std::nullopt : as_text(*field);
  if (!question) {
    item.defect = fmt::format("no question: expected a text in {}",
                              fmt::join(fields_.names(Role::kQuestion), " or "));
    item.defect_outcome = Outcome::kSkipped;
    return;
  }
  if (is_blank(*question)) {
    item.defect = "its question is empty";
    item.defect_outcome = Outcome::kSkipped;
    return;
  }
  item.question = *question;
  item.options = read_options(row, fields_);
  if (!item.defect.empty()) {
    return;
  }
  Asked asked =
      ask_about(item.pictures.size(),
                item.options.empty() ? *question : options_prompt(*question, item.options));
  item.conversation = std::move(asked.conversation);
  item.defect = std::move(asked.defect);
}

void RowReader::read_truth(const Json& row, Item& item) {
  if (const Json* const field = fields_.find(row, Role::kAnswer)) {
    item.truth.references = read_references(*field);
  }
  if (const auto chosen = row.find("multiple_choice_answer"); chosen != row.end()) {
    item.truth.chosen = as_text(*chosen).value_or("");
  }
  item.truth.answer_type = text_field(fields_, row, Role::kAnswerType);
  item.truth.question_type = text_field(fields_, row, Role::kQuestionType);
  if (item.truth.references.empty()) {
    without_references_.add(place(item));
  }
}

std::optional<Item> RowReader::next() {
  const std::optional<Row> read = rows_->next();
  if (!read) {
    finish();
    return std::nullopt;
  }
  const std::string where = rows_->where(read->number);
  const Json row = parse_json_text(read->text, where);
  if (!row.is_object()) {
    throw UsageError("E-DATA-JSON",
                     fmt::format("{}: {}, expected an object with fields such as \"question\" and "
                                 "\"image\"",
                                 where,
                                 row.is_array() ? "a list" : "a single value"));
  }
  ++count_;
  census_.add(row);
  for (std::size_t i = 0; i < kRoles; ++i) {
    found_[i] += fields_.find(row, static_cast<Role>(i)) != nullptr ? 1 : 0;
  }
  Item item;
  item.line = read->number;
  item.id = read_id(row, read->number);
  require_new_id(item.id, read->number);
  if (const Json* const field = fields_.find(row, Role::kImage)) {
    PictureCell cell = read_picture_cell(*field, item.id, names_);
    item.pictures = std::move(cell.pictures);
    item.defect = std::move(cell.defect);
  }
  read_question(row, item);
  read_truth(row, item);
  if (!item.defect.empty()) {
    item.defect = fmt::format("{}, id '{}': {}", where, item.id, item.defect);
    defects_.add(place(item));
  } else if (item.pictures.empty()) {
    without_picture_.add(place(item));
  }
  return item;
}

namespace {

/// The field that is nearest in spelling to one of these names, else "FIELD".
std::string nearest_field(const FieldCensus& census, const std::vector<std::string>& names) {
  for (const std::string& field : census.names()) {
    if (!nearest(field, names).empty()) {
      return field;
    }
  }
  return "FIELD";
}

}  // namespace

void RowReader::finish() const {
  if (count_ == 0) {
    throw UsageError("E-DATA-EMPTY",
                     fmt::format("{}: no {}s in the file, expected one JSON object for each "
                                 "question",
                                 rows_->file(),
                                 rows_->unit()));
  }
  for (std::size_t i = 0; i < kRoles; ++i) {
    const Role role = static_cast<Role>(i);
    if (found_[i] == 0 && (fields_.is_mapped(role) || role == Role::kQuestion)) {
      throw UsageError(
          "E-DATA-FIELD",
          fmt::format("{}: no {} has the field {}; fields found: {}; name the right one with "
                      "--map {}={}",
                      rows_->file(),
                      rows_->unit(),
                      fmt::join(fields_.names(role), " or "),
                      census_.list(),
                      to_string(role),
                      nearest_field(census_, fields_.names(role))));
    }
  }
}

std::vector<std::string> RowReader::notices() const {
  std::vector<std::string> notices;
  if (without_references_.count() > 0) {
    notices.push_back(fmt::format("{} of {} {} no reference ({}), asked but not scored: {}",
                                  without_references_.count(),
                                  counted(count_, "item"),
                                  without_references_.count() == 1 ? "has" : "have",
                                  fmt::join(fields_.names(Role::kAnswer), ", "),
                                  without_references_.list()));
  }
  if (without_id_.count() > 0) {
    notices.push_back(fmt::format("{} of {} {} no id, named by the place: {}",
                                  without_id_.count(),
                                  counted(count_, "item"),
                                  without_id_.count() == 1 ? "has" : "have",
                                  without_id_.list()));
  }
  if (defects_.count() > 0) {
    notices.push_back(fmt::format("{} of {} cannot be asked: {}",
                                  defects_.count(),
                                  counted(count_, "item"),
                                  defects_.list()));
  }
  if (without_picture_.count() > 0) {
    notices.push_back(fmt::format("{} of {} {} no picture: asked as text alone: {}",
                                  without_picture_.count(),
                                  counted(count_, "question"),
                                  without_picture_.count() == 1 ? "has" : "have",
                                  without_picture_.list()));
  }
  if (names_.found_under_other_form() > 0) {
    notices.push_back(fmt::format("found under the other Unicode form (NFC/NFD): {}",
                                  counted(names_.found_under_other_form(), "picture name")));
  }
  return notices;
}

}  // namespace headroom::datasets
