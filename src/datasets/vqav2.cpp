#include "vqav2.h"

#include <fmt/format.h>

#include <system_error>

#include "base/errors.h"
#include "base/grouped.h"
#include "json_text.h"
#include "prompt.h"
#include "row_reader.h"
#include "vqav2_records.h"

namespace headroom::datasets {

namespace {

constexpr std::size_t kDigits = 12;

std::string text_of(const Json& record, const char* name) {
  const auto field = record.find(name);
  return field == record.end() ? "" : as_text(*field).value_or("");
}

/// The series that has the file, or the first.
std::filesystem::path picture_path(const std::vector<PictureSeries>& series,
                                   const std::string& number) {
  for (const PictureSeries& each : series) {
    std::error_code ignored;
    if (series.size() == 1 || std::filesystem::exists(each.path(number), ignored)) {
      return each.path(number);
    }
  }
  return series.front().path(number);
}

}  // namespace

VqaReader::VqaReader(VqaFiles files, std::shared_ptr<const AnnotationIndex> annotations)
    : files_(std::move(files)),
      annotations_(std::move(annotations)),
      questions_(files_.questions, "questions") {
  if (!files_.annotations.empty()) {
    annotation_file_.open(files_.annotations, std::ios::binary);
  }
}

void VqaReader::read_picture(const Json& question, Item& item) const {
  const std::string number = text_of(question, "image_id");
  if (number.empty() || number.size() > kDigits ||
      number.find_first_not_of("0123456789") != std::string::npos) {
    item.defect =
        fmt::format("image_id '{}', expected a number of up to {} digits", number, kDigits);
    return;
  }
  const std::filesystem::path path =
      picture_path(files_.pictures, std::string(kDigits - number.size(), '0') + number);
  item.pictures.push_back({path, {}, path.filename().string()});
}

void VqaReader::read_truth(Item& item) {
  const std::optional<Json> annotation =
      annotations_->size() > 0 ? annotations_->find(annotation_file_, item.id) : std::nullopt;
  if (annotation) {
    if (const auto answers = annotation->find("answers"); answers != annotation->end()) {
      item.truth.references = read_references(*answers);
    }
    item.truth.answer_type = text_of(*annotation, "answer_type");
    item.truth.question_type = text_of(*annotation, "question_type");
    item.truth.chosen = text_of(*annotation, "multiple_choice_answer");
  }
  if (item.truth.references.empty()) {
    without_references_.add(item.id);
  }
}

std::optional<Item> VqaReader::next() {
  const std::optional<Row> row = questions_.next();
  if (!row) {
    return std::nullopt;
  }
  const Json question = parse_record(questions_, *row);
  ++count_;
  Item item;
  item.id = record_id(question, questions_, *row);
  item.line = row->number;
  item.question = text_of(question, "question");
  read_picture(question, item);
  read_truth(item);
  if (item.question.empty()) {
    item.defect = "no question: expected a text in question";
    item.defect_outcome = Outcome::kSkipped;
  }
  if (item.defect.empty()) {
    Asked asked = ask_about(item.pictures.size(), short_answer_prompt(item.question));
    item.conversation = std::move(asked.conversation);
    item.defect = std::move(asked.defect);
  }
  if (!item.defect.empty()) {
    item.defect =
        fmt::format("{}, id '{}': {}", questions_.where(row->number), item.id, item.defect);
  }
  return item;
}

std::vector<std::string> VqaReader::notices() const {
  std::vector<std::string> notices;
  if (files_.annotations.empty()) {
    notices.push_back(fmt::format("{}: no annotations beside it; {} asked but not scored",
                                  files_.questions.string(),
                                  counted(count_, "item")));
  } else if (without_references_.count() > 0) {
    notices.push_back(fmt::format("{} of {} {} no annotation, asked but not scored: {}",
                                  without_references_.count(),
                                  counted(count_, "item"),
                                  without_references_.count() == 1 ? "has" : "have",
                                  without_references_.list()));
  }
  if (annotations_->without_question().count() > 0) {
    notices.push_back(fmt::format("{}: {} annotations have no question: {}",
                                  files_.annotations.string(),
                                  annotations_->without_question().count(),
                                  annotations_->without_question().list()));
  }
  return notices;
}

}  // namespace headroom::datasets
