#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "datasets/open.h"

namespace headroom::datasets {

/// What a row's field means to us.
enum class Role { kId, kImage, kQuestion, kAnswer, kAnswerType, kQuestionType };
inline constexpr std::size_t kRoles = 6;

/// "id", "image", …: the names that --map takes.
std::string_view to_string(Role role);

/// Finds a row's fields under the names that data sets give them, or under the user's.
///   id             id, question_id, questionId, qid, index, pid
///   image          image, images, image_path, image_file, file_name
///   question       question, text, query, prompt
///   answer         answers, answer, label, gt_answer, multiple_choice_answer
///   answer_type    answer_type
///   question_type  question_type, category
/// The first that is there and not null counts.
class Fields {
 public:
  explicit Fields(const FieldMap& map);

  /// Null when the row has none.
  const Json* find(const Json& row, Role role) const;

  const std::vector<std::string>& names(Role role) const {
    return names_[static_cast<std::size_t>(role)];
  }

  bool is_mapped(Role role) const { return mapped_[static_cast<std::size_t>(role)]; }

  /// Whether the user gave this name to some role.
  bool is_mapped_name(std::string_view name) const;

 private:
  std::vector<std::string> names_[kRoles];
  bool mapped_[kRoles] = {};
};

/// Remembers which fields a file's rows have, for messages; at most 40 names.
class FieldCensus {
 public:
  void add(const Json& row);

  std::string list() const;

  const std::set<std::string>& names() const { return seen_; }

 private:
  std::set<std::string> seen_;
};

}  // namespace headroom::datasets
