#include "fields.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "base/errors.h"
#include "base/spelling.h"

namespace headroom::datasets {

namespace {

constexpr std::size_t kMostNames = 40;

std::vector<std::string> role_names() {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kRoles; ++i) {
    names.emplace_back(to_string(static_cast<Role>(i)));
  }
  return names;
}

std::vector<std::string> usual_names(Role role) {
  switch (role) {
    case Role::kId:
      return {"id", "question_id", "questionId", "qid", "index", "pid"};
    case Role::kImage:
      return {"image", "images", "image_path", "image_file", "file_name"};
    case Role::kQuestion:
      return {"question", "text", "query", "prompt"};
    case Role::kAnswer:
      return {"answers", "answer", "label", "gt_answer", "multiple_choice_answer"};
    case Role::kAnswerType:
      return {"answer_type"};
    case Role::kQuestionType:
      return {"question_type", "category"};
  }
  return {};
}

void add_entry(FieldMap& map, std::string_view entry) {
  const std::vector<std::string> roles = role_names();
  const std::size_t equals = entry.find('=');
  const std::string role(entry.substr(0, equals));
  if (equals == std::string_view::npos || equals + 1 == entry.size()) {
    throw UsageError("E-DATA-MAP",
                     fmt::format("--map '{}': expected FIELD=NAME, such as question=Q; fields: {}",
                                 entry,
                                 fmt::join(roles, ", ")));
  }
  if (std::find(roles.begin(), roles.end(), role) == roles.end()) {
    throw UsageError("E-DATA-MAP",
                     fmt::format("--map '{}': there is no field '{}'{}; fields: {}",
                                 entry,
                                 role,
                                 did_you_mean(role, roles),
                                 fmt::join(roles, ", ")));
  }
  map[role] = std::string(entry.substr(equals + 1));
}

}  // namespace

std::string_view to_string(Role role) {
  constexpr std::string_view kNames[kRoles] = {
      "id", "image", "question", "answer", "answer_type", "question_type"};
  return kNames[static_cast<std::size_t>(role)];
}

FieldMap parse_field_map(const std::vector<std::string>& entries) {
  FieldMap map;
  for (const std::string& list : entries) {
    std::string_view rest = list;
    while (true) {
      const std::size_t comma = rest.find(',');
      add_entry(map, rest.substr(0, comma));
      if (comma == std::string_view::npos) {
        break;
      }
      rest.remove_prefix(comma + 1);
    }
  }
  return map;
}

Fields::Fields(const FieldMap& map) {
  for (std::size_t i = 0; i < kRoles; ++i) {
    const Role role = static_cast<Role>(i);
    const auto entry = map.find(std::string(to_string(role)));
    mapped_[i] = entry != map.end();
    names_[i] = mapped_[i] ? std::vector<std::string>{entry->second} : usual_names(role);
  }
}

const Json* Fields::find(const Json& row, Role role) const {
  for (const std::string& name : names(role)) {
    const auto field = row.find(name);
    if (field != row.end() && !field->is_null()) {
      return &*field;
    }
  }
  return nullptr;
}

bool Fields::is_mapped_name(std::string_view name) const {
  for (std::size_t i = 0; i < kRoles; ++i) {
    if (mapped_[i] && names_[i].front() == name) {
      return true;
    }
  }
  return false;
}

void FieldCensus::add(const Json& row) {
  for (const auto& field : row.items()) {
    if (seen_.size() >= kMostNames) {
      return;
    }
    seen_.insert(field.key());
  }
}

std::string FieldCensus::list() const {
  return seen_.empty() ? "none" : fmt::format("{}", fmt::join(seen_, ", "));
}

}  // namespace headroom::datasets
