#include "easy_vqa.h"

#include <fmt/format.h>

#include "base/absolute_path.h"
#include "base/errors.h"
#include "json_text.h"
#include "prompt.h"

namespace headroom::datasets {

namespace {

bool is_shape(const std::string& answer) {
  return answer == "circle" || answer == "rectangle" || answer == "triangle";
}

scoring::Truth truth_of(const std::string& answer) {
  if (answer == "yes" || answer == "no") {
    return {{answer}, "yes/no", "yes/no"};
  }
  return {{answer}, "other", is_shape(answer) ? "shape" : "color"};
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

EasyVqaReader::EasyVqaReader(const std::filesystem::path& folder)
    : folder_(folder), split_(last_name(folder)), records_(folder / "questions.json") {}

std::optional<Item> EasyVqaReader::next() {
  const std::optional<Row> read = records_.next();
  if (!read) {
    if (count_ == 0) {
      throw UsageError("E-DATA-EMPTY", fmt::format("{}: the list is empty", records_.file()));
    }
    return std::nullopt;
  }
  ++count_;
  const std::string where = records_.where(read->number);
  const Json record = parse_json_text(read->text, where);
  const bool fits = record.is_array() && record.size() == 3 && record[0].is_string() &&
                    record[1].is_string() && record[2].is_string() &&
                    is_number(record[2].get_ref<const std::string&>());
  if (!fits) {
    throw UsageError("E-DATA-JSON",
                     fmt::format("{}: expected [question, answer, picture number], got {}",
                                 where,
                                 read->text.substr(0, 80)));
  }
  Item item;
  item.id = fmt::format("{}-{}", split_, read->number - 1);
  item.line = read->number;
  item.question = record[0].get<std::string>();
  item.truth = truth_of(record[1].get<std::string>());
  const std::string name = fmt::format("images/{}.png", record[2].get<std::string>());
  item.pictures.push_back({folder_ / name, {}, name});
  Asked asked = ask_about(item.pictures.size(), item.question);
  item.conversation = std::move(asked.conversation);
  item.defect = std::move(asked.defect);
  return item;
}

}  // namespace headroom::datasets
