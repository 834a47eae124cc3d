#include "vqav2_records.h"

#include <fmt/format.h>

#include "base/errors.h"
#include "fields.h"
#include "json_text.h"

namespace headroom::datasets {

Json parse_record(const JsonElements& records, const Row& row) {
  const std::string where = records.where(row.number);
  Json record = parse_json_text(row.text, where);
  if (!record.is_object()) {
    throw UsageError("E-DATA-JSON",
                     fmt::format("{}: expected an object, got {}", where, row.text.substr(0, 80)));
  }
  return record;
}

std::string id_text(const Json& record) {
  const auto field = record.find("question_id");
  return field == record.end() ? "" : as_text(*field).value_or("");
}

std::string record_id(const Json& record, const JsonElements& records, const Row& row) {
  std::string id = id_text(record);
  if (id.empty()) {
    FieldCensus census;
    census.add(record);
    throw UsageError(
        "E-DATA-FIELD",
        fmt::format(
            "{}: no question_id; fields found: {}", records.where(row.number), census.list()));
  }
  return id;
}

}  // namespace headroom::datasets
