#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace headroom::datasets {

/// How a folder's pictures are named: FOLDER/PREFIX, the number in 12 digits, EXTENSION.
struct PictureSeries {
  std::filesystem::path folder;
  std::string prefix;     ///< "COCO_val2014_"
  std::string extension;  ///< ".jpg"

  std::filesystem::path path(const std::string& twelve_digits) const {
    return folder / (prefix + twelve_digits + extension);
  }

  auto operator<=>(const PictureSeries&) const = default;
};

struct VqaFiles {
  std::filesystem::path questions;
  std::filesystem::path annotations;  ///< empty: there is none, nothing is scored
  bool annotations_named = false;     ///< by the user, not found beside the questions
  std::vector<PictureSeries> pictures;
  std::string split;  ///< "val2014" of the questions' name, may be empty
};

/// Whether the folder or its subfolders (three deep) hold a file *questions*.json.
bool has_vqa_questions(const std::filesystem::path& folder);

/// Finds the files of VQA v2. `target`: a folder; or QUESTIONS.json; or
/// QUESTIONS.json,ANNOTATIONS.json (the first comma behind the name of a file). Annotations belong
/// to questions when both names have the same split ("val2014") or when there is but one of each
/// and their splits do not differ. Pictures are looked for in `pictures`, or, when that is empty,
/// in the folder or beside the questions, subfolders included. Throws UsageError("E-DATA-…") when
/// there are no questions, several (naming them), or no pictures.
VqaFiles find_vqa_files(const std::string& target, const std::filesystem::path& pictures);

}  // namespace headroom::datasets
