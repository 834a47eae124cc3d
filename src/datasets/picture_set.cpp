#include "datasets/picture_set.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <system_error>
#include <unordered_map>
#include <unordered_set>

#include "base/absolute_path.h"
#include "base/errors.h"
#include "base/folder_entries.h"
#include "base/grouped.h"
#include "base/spelling.h"
#include "dangling_link.h"
#include "mentions.h"
#include "picture_files.h"
#include "picture_names.h"
#include "picture_records.h"
#include "rows.h"

namespace headroom::datasets {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kPossible =
    "a folder, a picture, a pattern in quotes ('pics/*.jpg'), a file with one path a line, "
    "FILE.jsonl or FILE.json with captions or facts";

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

std::string folder_label(const fs::path& folder) {
  const std::string name = last_name(folder);
  return name.empty() ? "pictures" : name;
}

/// Adds entries of pictures, in the order given; a name comes once.
class NameList {
 public:
  explicit NameList(PictureSet& set) : set_(set) {}

  /// False when the name was there already.
  bool add(const std::string& name, const fs::path& path, std::uint64_t line) {
    if (!names_.insert(name).second) {
      return false;
    }
    // Two names may differ by their Unicode form alone.
    std::string id = composed(name);
    for (int copy = 2; !ids_.insert(id).second; ++copy) {
      id = fmt::format("{} ({})", composed(name), copy);
    }
    PictureEntry entry;
    entry.id = std::move(id);
    entry.picture = {path, {}, name};
    entry.line = line;
    set_.entries.push_back(std::move(entry));
    return true;
  }

 private:
  PictureSet& set_;
  std::unordered_set<std::string> names_;
  std::unordered_set<std::string> ids_;
};

void note_others(const std::vector<std::string>& others, PictureSet& set) {
  Mentions mentions;
  for (const std::string& other : others) {
    mentions.add(other);
  }
  if (mentions.count() > 0) {
    set.notices.push_back(fmt::format("{} left out, no picture by name or content: {}",
                                      counted(mentions.count(), "file"),
                                      mentions.list()));
  }
}

/// The files in a folder that by their names say what is in its pictures.
std::vector<std::string> take_records(std::vector<std::string>& names) {
  std::vector<std::string> records;
  std::erase_if(names, [&](const std::string& name) {
    const std::string stem = fs::path(name).stem().string();
    const bool known =
        is_records_name(name) && (stem.starts_with("captions") || stem.starts_with("facts") ||
                                  stem == "metadata" || stem == "scenes");
    if (known) {
      records.push_back(name);
    }
    return known;
  });
  return records;
}

/// Gives the folder's pictures what the file says about them.
void join_records(PictureRecords records, const std::string& file, PictureSet& set) {
  std::unordered_map<std::string, std::size_t> by_path;
  for (std::size_t i = 0; i < set.entries.size(); ++i) {
    by_path.emplace(absolute_path(set.entries[i].picture.path), i);
  }
  Mentions elsewhere;
  std::set<std::size_t> joined;
  for (PictureEntry& record : records.entries) {
    const auto found = by_path.find(absolute_path(record.picture.path));
    if (found == by_path.end()) {
      elsewhere.add(record.id);
      continue;
    }
    PictureEntry& entry = set.entries[found->second];
    joined.insert(found->second);
    // A picture may have a row for each of its captions.
    entry.captions.insert(entry.captions.end(), record.captions.begin(), record.captions.end());
    if (!record.facts.empty()) {
      entry.facts = std::move(record.facts);
    }
  }
  set.notices.push_back(fmt::format("{} says what is in {} of {}",
                                    file,
                                    grouped(joined.size()),
                                    counted(set.entries.size(), "picture")));
  if (elsewhere.count() > 0) {
    set.notices.push_back(fmt::format("{} of {} not in the folder, not asked about: {}",
                                      counted(elsewhere.count(), "picture"),
                                      file,
                                      elsewhere.list()));
  }
  std::move(records.notices.begin(), records.notices.end(), std::back_inserter(set.notices));
}

PictureSet from_records(const fs::path& file, const fs::path& pictures) {
  PictureRecords records = read_picture_records(file, pictures);
  PictureSet set;
  set.name = std::move(records.name);
  set.label = file.stem().string();
  set.path = file;
  set.entries = std::move(records.entries);
  set.notices = std::move(records.notices);
  return set;
}

[[noreturn]] void refuse_without_pictures(const std::string& where, const FolderPictures& found) {
  throw UsageError("E-DATA-EMPTY",
                   fmt::format("{}: no pictures in it, {} and {} left out{}",
                               where,
                               counted(found.others.size(), "other file"),
                               counted(found.folders, "folder"),
                               found.folders > 0 ? fmt::format("; for those of its folders: '{}'",
                                                               (fs::path(where) / "*/*").string())
                                                 : std::string()));
}

/// `files`: at least one.
[[noreturn]] void refuse_records(const std::string& where, const std::vector<std::string>& files) {
  throw UsageError("E-DATA-FILE",
                   fmt::format("{}: {} what is in pictures: {}; give one at a time, by its name: "
                               "--data {}",
                               where,
                               files.size() == 1 ? "one file that says" : "several files that say",
                               fmt::join(files, ", "),
                               files.front()));
}

/// --images of pictures that no file names.
[[noreturn]] void refuse_images(const std::string& word) {
  throw UsageError(
      "E-DATA-IMAGES",
      fmt::format("pictures '{}': they are named whole, so --images does not apply", word));
}

PictureSet from_folder(const fs::path& folder, const fs::path& pictures) {
  FolderPictures found = list_pictures(folder);
  std::vector<std::string> records = take_records(found.others);
  if (records.size() > 1) {
    for (std::string& record : records) {
      record = (folder / record).string();
    }
    refuse_records(folder.string(), records);
  }
  if (found.names.empty() && records.size() == 1) {
    PictureSet set = from_records(folder / records.front(), pictures);
    set.label = folder_label(folder);
    set.path = folder;
    return set;
  }
  if (found.names.empty()) {
    refuse_without_pictures(folder.string(), found);
  }
  if (records.empty() && !pictures.empty()) {
    refuse_images(folder.string());
  }
  PictureSet set;
  set.name = "folder";
  set.label = folder_label(folder);
  set.path = folder;
  NameList list(set);
  for (const std::string& name : found.names) {
    list.add(name, folder / name, set.entries.size() + 1);
  }
  note_others(found.others, set);
  if (!records.empty()) {
    join_records(read_picture_records(folder / records.front(), pictures), records.front(), set);
  }
  return set;
}

PictureSet from_pattern(const std::string& pattern) {
  const std::string fixed = fixed_part(pattern);
  const fs::path base = fixed.empty() ? fs::path(".") : fs::path(fixed);
  PictureSet set;
  set.name = "glob";
  set.label = fixed.empty() ? "pictures" : folder_label(fixed);
  set.path = base;
  set.argument = absolute_pattern(pattern);
  NameList list(set);
  std::vector<std::string> others;
  std::vector<std::string> files;  // the same, as they can be opened
  for (const fs::path& file : match_pattern(pattern)) {
    const std::string name = fixed.empty() ? file.string() : file.lexically_relative(base).string();
    if (is_picture_name(file) || is_picture(file)) {
      list.add(name, file, set.entries.size() + 1);
    } else {
      others.push_back(name);
      files.push_back(file.string());
    }
  }
  if (set.entries.empty()) {
    std::erase_if(files, [](const std::string& file) { return !is_records_name(file); });
    if (!files.empty()) {
      refuse_records(fmt::format("'{}'", pattern), files);
    }
    throw UsageError("E-DATA-EMPTY",
                     fmt::format("'{}': no picture matches, {} did; * does not go into folders: "
                                 "'*/*.jpg' does",
                                 pattern,
                                 counted(others.size(), "other file")));
  }
  note_others(others, set);
  return set;
}

PictureSet from_list(const fs::path& file, const fs::path& pictures) {
  PictureSet set;
  set.name = "list";
  set.label = file.stem().string();
  set.path = file;
  const fs::path beside = file.has_parent_path() ? file.parent_path() : fs::path(".");
  PictureNames names(pictures.empty() ? beside : pictures);
  NameList list(set);
  Mentions again;
  LineRows rows(file);
  while (const std::optional<Row> row = rows.next()) {
    const std::string name(row->text);
    if (name.find('\0') != std::string::npos) {
      throw UsageError("E-DATA-FORMAT",
                       fmt::format("{}: a zero byte; the file is no list of paths, one a line; "
                                   "pictures may be: {}",
                                   rows.where(row->number),
                                   kPossible));
    }
    if (!list.add(name, names.resolve(name), row->number)) {
      again.add(fmt::format("{} (line {})", name, row->number));
    }
  }
  if (set.entries.empty()) {
    throw UsageError("E-DATA-EMPTY",
                     fmt::format("{}: no path in it, expected one a line", file.string()));
  }
  if (again.count() > 0) {
    set.notices.push_back(fmt::format(
        "{} repeated, asked about once: {}", counted(again.count(), "path"), again.list()));
  }
  if (names.found_under_other_form() > 0) {
    set.notices.push_back(fmt::format("found under the other Unicode form (NFC/NFD): {}",
                                      counted(names.found_under_other_form(), "picture name")));
  }
  return set;
}

/// Its lines would be taken for paths, each of a picture that is not there.
void refuse_table(const fs::path& file) {
  const std::string extension = file.extension().string();
  if (extension == ".csv" || extension == ".tsv") {
    throw UsageError("E-DATA-FORMAT",
                     fmt::format("{}: files ending in '{}' are not read; convert it to one JSON "
                                 "object a line (FILE.jsonl); pictures may be: {}",
                                 file.string(),
                                 extension,
                                 kPossible));
  }
}

PictureSet from_file(const fs::path& file, const fs::path& pictures) {
  if (is_picture(file) || is_picture_name(file)) {
    PictureSet set;
    set.name = "picture";
    set.label = file.stem().string();
    set.path = file;
    NameList(set).add(file.filename().string(), file, 1);
    return set;
  }
  if (is_records_name(file)) {
    return from_records(file, pictures);
  }
  refuse_table(file);
  return from_list(file, pictures);
}

std::vector<std::string> neighbours(const fs::path& path) {
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  std::error_code ignored;
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : folder_entries(folder, ignored)) {
    names.push_back(path.has_parent_path() ? entry.path().string()
                                           : entry.path().filename().string());
  }
  return names;
}

/// Empty when one of them is not there.
std::vector<std::string> files_between_commas(const std::string& word) {
  std::vector<std::string> files;
  for (std::size_t start = 0; start <= word.size();) {
    const std::size_t end = std::min(word.find(',', start), word.size());
    std::string file = word.substr(start, end - start);
    std::error_code ignored;
    if (!fs::is_regular_file(file, ignored)) {
      return {};
    }
    files.push_back(std::move(file));
    start = end + 1;
  }
  return files;
}

PictureSet open_word(const std::string& word, const fs::path& pictures) {
  std::error_code ignored;
  if (is_folder(word)) {
    return from_folder(word, pictures);
  }
  if (fs::exists(word, ignored)) {
    return from_file(word, pictures);
  }
  if (is_pattern(word)) {
    return from_pattern(word);
  }
  if (const std::vector<std::string> files = files_between_commas(word); files.size() > 1) {
    refuse_records(word, files);
  }
  throw UsageError("E-DATA-WORD",
                   fmt::format("pictures '{}': no such file or folder{}{}; pictures may be: {}",
                               word,
                               dangling_link_text(word),
                               did_you_mean(word, neighbours(word)),
                               kPossible));
}

}  // namespace

void keep_range(PictureSet& set, std::uint64_t first, std::uint64_t last) {
  std::vector<PictureEntry>& entries = set.entries;
  if (first > entries.size()) {
    throw UsageError(
        "E-DATA-EMPTY",
        fmt::format(
            "nothing to ask: --limit begins at picture {}, there are {}", first, entries.size()));
  }
  const auto end = std::min<std::uint64_t>(last, entries.size());
  entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(end), entries.end());
  entries.erase(entries.begin(), entries.begin() + static_cast<std::ptrdiff_t>(first - 1));
}

std::vector<std::string> all_notices(const PictureSet& set) {
  std::vector<std::string> notices = set.notices;
  Mentions defects;
  for (const PictureEntry& entry : set.entries) {
    if (!entry.defect.empty()) {
      defects.add(entry.id);
    }
  }
  if (defects.count() > 0) {
    notices.push_back(fmt::format("{} of {} cannot be asked about: {}",
                                  grouped(defects.count()),
                                  counted(set.entries.size(), "picture"),
                                  defects.list()));
  }
  return notices;
}

PictureSet open_picture_set(const std::string& word, const fs::path& pictures) {
  PictureSet set = open_word(word, pictures);
  if (!pictures.empty() && (set.name == "glob" || set.name == "picture")) {
    refuse_images(word);
  }
  if (set.argument.empty()) {
    set.argument = absolute_path(set.path);
  }
  return set;
}

}  // namespace headroom::datasets
