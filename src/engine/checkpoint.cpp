#include "engine/checkpoint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <system_error>

#include "base/errors.h"
#include "base/files.h"

namespace headroom::engine {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSingle = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";
constexpr std::uint64_t kMaxJsonBytes = 64ULL << 20U;

[[noreturn]] void refuse(const std::string& message) { throw UsageError("E-CHECKPOINT", message); }

/// Up to eight names, then how many more there are.
std::string listing(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 8;
  if (names.size() <= kShown) {
    return fmt::format("{}", fmt::join(names, ", "));
  }
  return fmt::format("{} and {} more",
                     fmt::join(names.begin(), names.begin() + kShown, ", "),
                     names.size() - kShown);
}

std::vector<std::string> file_names(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code failure;
  for (fs::directory_iterator it(folder, failure), end; !failure && it != end;
       it.increment(failure)) {
    names.push_back(it->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// tensor -> file, as the index says. Refuses what is no such table.
std::map<std::string, std::string> read_weight_map(const fs::path& index) {
  const Json json = read_checkpoint_json(index);
  const auto found = json.find("weight_map");
  if (found == json.end() || !found->is_object() || found->empty()) {
    refuse(fmt::format("{}: holds no weight_map", index.string()));
  }
  std::map<std::string, std::string> map;
  for (const auto& [tensor, file] : found->items()) {
    if (!file.is_string()) {
      refuse(fmt::format("{}: the file of tensor '{}' is no text", index.string(), tensor));
    }
    map.emplace(tensor, file.get<std::string>());
  }
  return map;
}

/// The files that an index names, in order. Refuses names that lead out of the folder, and lists
/// all that are absent.
std::vector<std::string> index_files(const std::map<std::string, std::string>& weight_map,
                                     const fs::path& index) {
  std::set<std::string> files;
  for (const auto& [tensor, file] : weight_map) {
    if (file.empty() || file == "." || file == ".." || fs::path(file).filename() != file) {
      refuse(fmt::format("{}: tensor '{}' is said to be in '{}', which is outside of the folder",
                         index.string(),
                         tensor,
                         file));
    }
    files.insert(file);
  }
  std::vector<std::string> absent;
  std::error_code ignored;
  for (const std::string& file : files) {
    if (!fs::exists(index.parent_path() / file, ignored)) {
      absent.push_back(file);
    }
  }
  if (!absent.empty()) {
    refuse(fmt::format("{}: {} of the {} files that it names are absent: {}; fetch them",
                       index.string(),
                       absent.size(),
                       files.size(),
                       listing(absent)));
  }
  return {files.begin(), files.end()};
}

/// Weights that Python would unpickle, which may run anything: refused by name.
void refuse_pickled(const fs::path& folder) {
  std::error_code ignored;
  for (const char* name : {"pytorch_model.bin", "pytorch_model.bin.index.json"}) {
    if (fs::exists(folder / name, ignored)) {
      refuse(
          fmt::format("{}: pickled weights are not read; write them as safetensors, in that "
                      "folder, with: python -c \"from transformers import "
                      "AutoModelForImageTextToText as M; M.from_pretrained('.').save_pretrained("
                      "'.')\"",
                      (folder / name).string()));
    }
  }
}

}  // namespace

Json read_checkpoint_json(const fs::path& path) {
  std::string text;
  try {
    text = read_file(path, kMaxJsonBytes);
  } catch (const InputError& error) {
    refuse(error.what());
  }
  const std::string what = describe_content(std::string_view(text).substr(0, 512));
  if (!what.empty() && what != "a JSON text" && what != "text") {
    refuse(fmt::format("{}: {} ({} bytes), not JSON; fetch it again{}",
                       path.string(),
                       what,
                       text.size(),
                       what == "a Git LFS pointer" ? " with: git lfs pull" : ""));
  }
  Json json;
  try {
    json = parse_json(text, path.string(), "E-CHECKPOINT");
  } catch (const InputError& error) {
    refuse(error.what());
  }
  if (!json.is_object()) {
    refuse(fmt::format("{}: not a JSON table", path.string()));
  }
  return json;
}

Checkpoint Checkpoint::open(const fs::path& folder) {
  std::error_code failure;
  if (!fs::is_directory(folder, failure)) {
    refuse(fmt::format("{}: no such folder", folder.string()));
  }
  Checkpoint checkpoint;
  checkpoint.folder_ = folder;
  const bool single = fs::exists(folder / kSingle, failure);
  if (fs::exists(folder / kIndex, failure)) {
    checkpoint.open_index(folder / kIndex);
  } else if (single) {
    checkpoint.files_.push_back(folder / kSingle);
    checkpoint.headers_.push_back(read_safetensors_header(folder / kSingle));
    checkpoint.add_tensors(0, {});
  } else {
    refuse_pickled(folder);
    const auto names = file_names(folder);
    refuse(fmt::format("{}: holds neither {} nor {}; it holds {}",
                       folder.string(),
                       kSingle,
                       kIndex,
                       names.empty() ? "nothing" : listing(names)));
  }
  for (const fs::path& file : checkpoint.files_) {
    checkpoint.stamps_.push_back(stamp_of(file));
  }
  checkpoint.note_strays();
  return checkpoint;
}

void Checkpoint::open_index(const fs::path& index) {
  const auto weight_map = read_weight_map(index);
  const auto names = index_files(weight_map, index);
  std::error_code ignored;
  if (fs::exists(folder_ / kSingle, ignored) &&
      std::find(names.begin(), names.end(), kSingle) == names.end()) {
    refuse(
        fmt::format("{}: holds both {} and {}, which names other files ({}); remove the one "
                    "that is not meant",
                    folder_.string(),
                    kSingle,
                    kIndex,
                    listing(names)));
  }
  for (const std::string& name : names) {
    files_.push_back(folder_ / name);
    headers_.push_back(read_safetensors_header(files_.back()));
  }
  std::vector<std::string> misplaced;
  for (const auto& [tensor, name] : weight_map) {
    const auto number =
        static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
    if (!headers_[number].tensors.contains(tensor)) {
      misplaced.push_back(fmt::format("'{}' in {}", tensor, name));
    }
  }
  if (!misplaced.empty()) {
    refuse(
        fmt::format("{}: {} of its {} tensors are not in the file that it names: {}; the index "
                    "belongs to other files",
                    index.string(),
                    misplaced.size(),
                    weight_map.size(),
                    listing(misplaced)));
  }
  for (std::size_t file = 0; file < files_.size(); ++file) {
    add_tensors(file, weight_map);
  }
}

/// Takes a file's tensors: those that the map places there, and those that it does not mention.
void Checkpoint::add_tensors(std::size_t file,
                             const std::map<std::string, std::string>& weight_map) {
  const SafetensorsHeader& header = headers_[file];
  for (const auto& [name, tensor] : header.tensors) {
    const auto placed = weight_map.find(name);
    if (placed != weight_map.end() && placed->second != files_[file].filename()) {
      continue;
    }
    const Entry entry{tensor, file, header.data_start + tensor.begin};
    if (!tensors_.emplace(name, entry).second) {
      refuse(fmt::format("{}: tensor '{}' is also in {}, and the index says nothing about it",
                         files_[file].string(),
                         name,
                         files_[tensors_.at(name).file].filename().string()));
    }
  }
}

bool Checkpoint::written_by_mlx() const {
  return std::any_of(headers_.begin(), headers_.end(), [](const SafetensorsHeader& header) {
    const auto format = header.metadata.find("format");
    return format != header.metadata.end() && format->second == "mlx";
  });
}

Checkpoint::Stamp Checkpoint::stamp_of(const fs::path& file) {
  std::error_code failure;
  const auto bytes = fs::file_size(file, failure);
  const auto written = failure ? fs::file_time_type() : fs::last_write_time(file, failure);
  if (failure) {
    throw UsageError("E-WEIGHTS-FILE", fmt::format("{}: {}", file.string(), failure.message()));
  }
  return {bytes, written};
}

void Checkpoint::require_unchanged() const {
  for (std::size_t i = 0; i < files_.size(); ++i) {
    if (stamp_of(files_[i]) != stamps_[i]) {
      throw UsageError("E-WEIGHTS-FILE",
                       fmt::format("{}: has changed since the model was loaded; load it again",
                                   files_[i].string()));
    }
  }
}

void Checkpoint::note_strays() {
  for (const std::string& name : file_names(folder_)) {
    const fs::path path = folder_ / name;
    if (path.extension() == ".safetensors" &&
        std::find(files_.begin(), files_.end(), path) == files_.end()) {
      notices_.push_back(fmt::format("{} is not part of the checkpoint and was not read", name));
    }
  }
}

}  // namespace headroom::engine
