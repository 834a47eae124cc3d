#include "datasets/open.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <string_view>
#include <system_error>

#include "base/absolute_path.h"
#include "base/errors.h"
#include "base/folder_entries.h"
#include "base/spelling.h"
#include "dangling_link.h"
#include "easy_vqa.h"
#include "json_elements.h"
#include "json_text.h"
#include "picture_files.h"
#include "row_reader.h"
#include "vqav2.h"
#include "vqav2_files.h"

namespace headroom::datasets {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kPossible =
    "easy-vqa (embedded), FILE.jsonl, FILE.json, a folder with VQA v2's or easy-VQA's files, or "
    "FORMAT:PATH with jsonl:, json:, vqav2:, easy-vqa:";
constexpr std::size_t kAnnotators = 10;

bool on_disk(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

std::string extension_of(const fs::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  return extension;
}

/// Ten references are ten annotators.
std::string metric_for(std::unique_ptr<RowSource> rows, const FieldMap& map) {
  const std::optional<Row> first = rows->next();
  if (first) {
    const Json row = parse_json_text(first->text, rows->where(first->number));
    const Json* const answers = row.is_object() ? Fields(map).find(row, Role::kAnswer) : nullptr;
    if (answers != nullptr && read_references(*answers).size() == kAnnotators) {
      return "vqa-accuracy";
    }
  }
  return "exact";
}

using MakeRows = std::function<std::unique_ptr<RowSource>()>;

Dataset open_rows(std::string name,
                  const fs::path& path,
                  MakeRows make_rows,
                  const OpenOptions& options) {
  const fs::path beside = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const fs::path pictures = options.pictures.empty() ? beside : options.pictures;
  std::string metric = metric_for(make_rows(), options.map);
  return {std::move(name),
          path.stem().string(),
          std::move(metric),
          path,
          [make_rows = std::move(make_rows), map = options.map, pictures] {
            return std::make_unique<RowReader>(make_rows(), map, pictures);
          },
          {}};
}

Dataset open_jsonl(const fs::path& path, const OpenOptions& options) {
  return open_rows("jsonl", path, [path] { return std::make_unique<LineRows>(path); }, options);
}

Dataset open_json_list(const fs::path& path, const OpenOptions& options) {
  return open_rows("json", path, [path] { return std::make_unique<JsonElements>(path); }, options);
}

Dataset open_easy_vqa(const fs::path& folder) {
  const fs::path split = on_disk(folder / "questions.json") ? folder : folder / "test";
  if (!on_disk(split / "questions.json")) {
    throw UsageError("E-DATA-FILE",
                     fmt::format("{}: neither questions.json nor test/questions.json in it; "
                                 "expected easy-VQA's folder",
                                 folder.string()));
  }
  return {"easy-vqa",
          "easy-vqa",
          "exact",
          split,
          [split] { return std::make_unique<EasyVqaReader>(split); },
          {}};
}

Dataset open_vqav2(const std::string& target, const OpenOptions& options) {
  VqaFiles files = find_vqa_files(target, options.pictures);
  std::string label = files.split.empty() ? "vqav2" : "vqav2-" + files.split;
  // The index is made by the first pass and serves all of them.
  auto index = std::make_shared<std::shared_ptr<const AnnotationIndex>>();
  const fs::path questions = files.questions;
  std::string argument = absolute_path(is_folder(target) ? fs::path(target) : files.questions);
  if (files.annotations_named) {
    argument += "," + absolute_path(files.annotations);
  }
  return {"vqav2",
          std::move(label),
          "vqa-accuracy",
          questions,
          [files = std::move(files), index] {
            if (*index == nullptr) {
              *index = std::make_shared<const AnnotationIndex>(files);
            }
            return std::make_unique<VqaReader>(files, *index);
          },
          std::move(argument)};
}

/// What a .json file is can be seen at its first characters.
Dataset open_json(const fs::path& path, const OpenOptions& options) {
  ByteSource source(path);
  std::string_view text = source.available();
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  text = first == std::string_view::npos ? std::string_view() : text.substr(first);
  if (text.starts_with('{')) {
    return open_vqav2(path.string(), options);
  }
  const std::size_t second = text.size() > 1 ? text.find_first_not_of(" \t\r\n", 1) : 0;
  if (text.starts_with('[') && second != std::string_view::npos && text[second] == '[') {
    return open_easy_vqa(path.has_parent_path() ? path.parent_path() : fs::path("."));
  }
  return open_json_list(path, options);
}

/// What somebody may have meant who gave pictures in place of questions.
std::string with_describe(const fs::path& pictures) {
  return fmt::format(
      "; to have pictures described that nothing is asked about: headroom describe "
      "-d {}",
      pictures.string());
}

Dataset open_folder(const fs::path& folder, const OpenOptions& options) {
  const bool easy = (on_disk(folder / "questions.json") && is_folder(folder / "images")) ||
                    on_disk(folder / "test" / "questions.json");
  if (easy) {
    return open_easy_vqa(folder);
  }
  if (has_vqa_questions(folder)) {
    return open_vqav2(folder.string(), options);
  }
  std::error_code error;
  const auto entries = folder_entries(folder, error);
  const bool pictures = std::any_of(entries.begin(), entries.end(), [](const auto& entry) {
    return is_picture_name(entry.path());
  });
  throw UsageError("E-DATA-FORMAT",
                   fmt::format("{}: a folder without questions (*questions*.json){}; data may be: "
                               "{}",
                               folder.string(),
                               pictures ? with_describe(folder) : "",
                               kPossible));
}

Dataset open_path(const fs::path& path, const OpenOptions& options) {
  if (is_folder(path)) {
    return open_folder(path, options);
  }
  const std::string extension = extension_of(path);
  if (extension == ".jsonl" || extension == ".ndjson") {
    return open_jsonl(path, options);
  }
  if (extension == ".json") {
    return open_json(path, options);
  }
  if (is_picture_name(path)) {
    throw UsageError("E-DATA-FORMAT",
                     fmt::format("{}: a picture without questions{}; data may be: {}",
                                 path.string(),
                                 with_describe(path),
                                 kPossible));
  }
  throw UsageError("E-DATA-FORMAT",
                   fmt::format("{}: files {} are not read; convert it to one JSON object a line "
                               "(FILE.jsonl), or name its format; data may be: {}",
                               path.string(),
                               extension.empty() ? "without an ending"
                                                 : fmt::format("ending in '{}'", extension),
                               kPossible));
}

std::optional<Dataset> open_prefixed(const std::string& word, const OpenOptions& options) {
  const std::size_t colon = word.find(':');
  if (colon == std::string::npos) {
    return std::nullopt;
  }
  const std::string format = word.substr(0, colon);
  const std::string target = word.substr(colon + 1);
  if (format == "jsonl") {
    return open_jsonl(target, options);
  }
  if (format == "json") {
    return open_json_list(target, options);
  }
  if (format == "vqav2") {
    return open_vqav2(target, options);
  }
  if (format == "easy-vqa") {
    return open_easy_vqa(target);
  }
  const std::vector<std::string> formats = {"jsonl", "json", "vqav2", "easy-vqa"};
  throw UsageError("E-DATA-FORMAT",
                   fmt::format("data '{}': there is no format '{}'{}; data may be: {}",
                               word,
                               format,
                               did_you_mean(format, formats),
                               kPossible));
}

/// Words, and the names in the folder where the path should be.
std::vector<std::string> similar_candidates(const fs::path& path) {
  std::vector<std::string> candidates = {"easy-vqa"};
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    candidates.push_back(path.has_parent_path() ? entry->path().string()
                                                : entry->path().filename().string());
  }
  return candidates;
}

Dataset open_word(const std::string& word, const OpenOptions& options) {
  if (word == "-") {
    throw UsageError(
        "E-DATA-WORD",
        fmt::format("data '-': standard input is not read, as the data is gone through "
                    "more than once; write it to a file; data may be: {}",
                    kPossible));
  }
  if (on_disk(word)) {
    return open_path(word, options);
  }
  if (word == "easy-vqa") {
    return open_easy_vqa(options.assets / "easy-vqa");
  }
  if (auto dataset = open_prefixed(word, options)) {
    return std::move(*dataset);
  }
  throw UsageError("E-DATA-WORD",
                   fmt::format("data '{}': neither a file or folder nor a data set's name{}{}; "
                               "data may be: {}",
                               word,
                               dangling_link_text(word),
                               did_you_mean(word, similar_candidates(word)),
                               kPossible));
}

}  // namespace

Dataset open_dataset(const std::string& word, const OpenOptions& options) {
  Dataset dataset = open_word(word, options);
  const bool rows = dataset.name == "jsonl" || dataset.name == "json";
  if (!rows && !options.map.empty()) {
    throw UsageError(
        "E-DATA-MAP",
        fmt::format(
            "data '{}': its fields are fixed ({}), so --map does not apply", word, dataset.name));
  }
  if (dataset.name == "easy-vqa" && !options.pictures.empty()) {
    throw UsageError("E-DATA-IMAGES",
                     fmt::format("data '{}': its pictures are in its own folder, so --images does "
                                 "not apply",
                                 word));
  }
  if (dataset.argument.empty()) {
    dataset.argument = absolute_path(dataset.path);
  }
  return dataset;
}

}  // namespace headroom::datasets
