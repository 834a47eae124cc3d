#include "vqav2_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <system_error>

#include "base/errors.h"

namespace headroom::datasets {

namespace fs = std::filesystem;

namespace {

constexpr int kDeepest = 3;
constexpr std::size_t kDigits = 12;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string lower_ascii(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  return text;
}

/// "val2014" of "v2_OpenEnded_mscoco_val2014_questions.json"; empty when there is none.
std::string split_of(const fs::path& file) {
  const std::string name = file.filename().string();
  for (const std::string_view word : {"train", "val", "test-dev", "test"}) {
    for (auto at = name.find(word); at != std::string::npos; at = name.find(word, at + 1)) {
      std::size_t end = at + word.size();
      while (end < name.size() && is_digit(name[end])) {
        ++end;
      }
      if (end == at + word.size() + 4) {
        return name.substr(at, end - at);
      }
    }
  }
  return {};
}

/// The series that a file's name belongs to, if it is that of a picture with a number.
bool series_of(const fs::path& file, PictureSeries& series) {
  const std::string extension = file.extension().string();
  const std::string lowered = lower_ascii(extension);
  const std::string stem = file.stem().string();
  const bool picture = lowered == ".jpg" || lowered == ".jpeg" || lowered == ".png" ||
                       lowered == ".webp" || lowered == ".bmp" || lowered == ".gif";
  if (!picture || stem.size() < kDigits ||
      !std::all_of(stem.end() - kDigits, stem.end(), is_digit)) {
    return false;
  }
  series = {file.parent_path(), stem.substr(0, stem.size() - kDigits), extension};
  return true;
}

/// What one walk through a folder finds.
struct Finds {
  std::vector<fs::path> questions;
  std::vector<fs::path> annotations;
  std::set<PictureSeries> pictures;
};

bool note_list(const fs::path& file, Finds& finds) {
  const std::string name = lower_ascii(file.filename().string());
  if (!name.ends_with(".json")) {
    return false;
  }
  if (name.find("question") != std::string::npos) {
    finds.questions.push_back(file);
    return true;
  }
  if (name.find("annotation") != std::string::npos) {
    finds.annotations.push_back(file);
    return true;
  }
  return false;
}

/// `stop_at_questions`: the walk may end at the first questions' file.
Finds walk(const fs::path& folder, bool stop_at_questions = false) {
  Finds finds;
  std::error_code error;
  fs::recursive_directory_iterator entry(
      folder, fs::directory_options::skip_permission_denied, error);
  PictureSeries series;
  for (const fs::recursive_directory_iterator end; !error && entry != end; entry.increment(error)) {
    const fs::path& path = entry->path();
    if (entry->is_directory(error)) {
      if (entry.depth() + 1 >= kDeepest || path.filename().string().starts_with('.')) {
        entry.disable_recursion_pending();
      }
    } else if (!note_list(path, finds) && series_of(path, series)) {
      finds.pictures.insert(series);
    }
    if (stop_at_questions && !finds.questions.empty()) {
      break;
    }
  }
  std::sort(finds.questions.begin(), finds.questions.end());
  std::sort(finds.annotations.begin(), finds.annotations.end());
  return finds;
}

std::string names(const std::vector<fs::path>& files) {
  std::vector<std::string> texts;
  for (const fs::path& file : files) {
    texts.push_back(file.string());
  }
  return fmt::format("{}", fmt::join(texts, ", "));
}

fs::path only_questions(const Finds& finds, const fs::path& folder) {
  if (finds.questions.empty()) {
    throw UsageError("E-DATA-VQA",
                     fmt::format("{}: no file *questions*.json here or in subfolders; expected VQA "
                                 "v2's questions, annotations and pictures",
                                 folder.string()));
  }
  if (finds.questions.size() > 1) {
    throw UsageError("E-DATA-VQA",
                     fmt::format("{}: {} files of questions: {}; name one, as in vqav2:{}",
                                 folder.string(),
                                 finds.questions.size(),
                                 names(finds.questions),
                                 finds.questions.front().string()));
  }
  return finds.questions.front();
}

fs::path annotations_for(const fs::path& questions, const Finds& finds) {
  const std::string split = split_of(questions);
  std::vector<fs::path> fitting;
  for (const fs::path& file : finds.annotations) {
    const std::string theirs = split_of(file);
    if (theirs == split || theirs.empty() || split.empty()) {
      fitting.push_back(file);
    }
  }
  if (fitting.size() > 1) {
    throw UsageError("E-DATA-VQA",
                     fmt::format("{}: {} files of annotations could belong to it: {}; name one, as "
                                 "in vqav2:{},{}",
                                 questions.string(),
                                 fitting.size(),
                                 names(fitting),
                                 questions.string(),
                                 fitting.front().string()));
  }
  return fitting.empty() ? fs::path() : fitting.front();
}

/// The questions' own split first: a number may stand in several series.
std::vector<PictureSeries> by_split(const std::set<PictureSeries>& series,
                                    const std::string& split) {
  std::vector<PictureSeries> ordered(series.begin(), series.end());
  std::stable_partition(ordered.begin(), ordered.end(), [&](const PictureSeries& each) {
    return !split.empty() && each.prefix.find(split) != std::string::npos;
  });
  return ordered;
}

void require_file(const fs::path& file) {
  std::error_code ignored;
  if (!fs::is_regular_file(file, ignored)) {
    throw UsageError("E-DATA-FILE", fmt::format("{}: no such file", file.string()));
  }
}

/// Between two names: paths may hold commas themselves.
std::size_t comma_of(const std::string& target) {
  std::error_code ignored;
  if (fs::exists(target, ignored)) {
    return std::string::npos;
  }
  const std::size_t first = target.find(',');
  for (std::size_t at = first; at != std::string::npos; at = target.find(',', at + 1)) {
    if (fs::is_regular_file(target.substr(0, at), ignored)) {
      return at;
    }
  }
  return first;
}

}  // namespace

bool has_vqa_questions(const fs::path& folder) { return !walk(folder, true).questions.empty(); }

VqaFiles find_vqa_files(const std::string& target, const fs::path& pictures) {
  VqaFiles files;
  std::error_code ignored;
  const std::size_t comma = comma_of(target);
  fs::path folder = target;
  Finds finds;
  if (fs::is_directory(folder, ignored)) {
    finds = walk(folder);
    files.questions = only_questions(finds, folder);
    files.annotations = annotations_for(files.questions, finds);
  } else {
    files.questions = target.substr(0, comma);
    require_file(files.questions);
    folder = files.questions.has_parent_path() ? files.questions.parent_path() : fs::path(".");
    finds = walk(folder);
    files.annotations = comma == std::string::npos ? annotations_for(files.questions, finds)
                                                   : fs::path(target.substr(comma + 1));
    files.annotations_named = comma != std::string::npos;
    if (files.annotations_named) {
      require_file(files.annotations);
    }
  }
  files.split = split_of(files.questions);
  const fs::path searched = pictures.empty() ? folder : pictures;
  files.pictures =
      by_split(pictures.empty() ? finds.pictures : walk(pictures).pictures, files.split);
  if (files.pictures.empty()) {
    throw UsageError("E-DATA-VQA",
                     fmt::format("{}: no pictures named by 12 digits, such as "
                                 "COCO_val2014_000000000042.jpg, here or in subfolders; name their "
                                 "folder",
                                 searched.string()));
  }
  return files;
}

}  // namespace headroom::datasets
