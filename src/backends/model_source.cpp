#include "backends/model_source.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>

#include "backends/server_address.h"
#include "base/absolute_path.h"
#include "base/errors.h"
#include "base/files.h"
#include "base/folder_entries.h"
#include "base/spelling.h"

namespace headroom::backends {

namespace {

namespace fs = std::filesystem;

/// A word that asks for an engine which is not part of this program yet.
struct ForeignKind {
  std::string_view prefix;
  std::string_view engine;
  std::string_view instead;
};

/// Before a word whose model is asked with PyTorch.
constexpr std::string_view kTorch = "torch:";

constexpr std::array kForeignKinds{
    ForeignKind{"gguf:", "llama.cpp", "use a checkpoint in safetensors"},
};

/// org/name[@revision], taken apart.
struct Repository {
  std::string org;
  std::string name;
  std::string revision;  ///< empty: main

  std::string full() const { return org + "/" + name; }
};

bool is_name(std::string_view text) {
  return !text.empty() && text != "." && text != ".." &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
         });
}

/// Revisions may hold slashes ("refs/pr/1"), but no way out of the cache.
bool is_revision(std::string_view text) {
  return !text.empty() && text.front() != '/' && text.find("..") == std::string_view::npos;
}

std::optional<Repository> parse_repository(const std::string& word) {
  const std::size_t at = word.find('@');
  const std::string path = word.substr(0, at);
  const std::size_t slash = path.find('/');
  if (slash == std::string::npos) {
    return std::nullopt;
  }
  Repository repository{path.substr(0, slash), path.substr(slash + 1), ""};
  if (!is_name(repository.org) || !is_name(repository.name)) {
    return std::nullopt;
  }
  if (at != std::string::npos) {
    repository.revision = word.substr(at + 1);
    if (!is_revision(repository.revision)) {
      return std::nullopt;
    }
  }
  return repository;
}

fs::path repository_folder(const fs::path& hub, const Repository& repository) {
  return hub / fmt::format("models--{}--{}", repository.org, repository.name);
}

/// The first line of a reference file, without blanks and line ends; empty when there is none.
std::string read_reference(const fs::path& file) {
  std::ifstream stream(file);
  std::string line;
  std::getline(stream, line);
  const std::size_t end = line.find_last_not_of(" \t\r\n");
  return end == std::string::npos ? "" : line.substr(0, end + 1);
}

/// Files that loading reads: nothing else in the folder can be in the way.
bool matters(const fs::path& file) {
  const std::string extension = file.extension().string();
  return extension == ".json" || extension == ".safetensors" || extension == ".jinja";
}

void check_entry(const fs::directory_entry& entry) {
  std::error_code error;
  if (!matters(entry.path())) {
    return;
  }
  if (entry.is_symlink(error) && !fs::exists(entry.path(), error)) {
    const fs::path target =
        (entry.path().parent_path() / fs::read_symlink(entry.path(), error)).lexically_normal();
    throw UsageError("E-MODEL-DANGLING",
                     fmt::format("{}: a link to {}, which is not there; the download is "
                                 "incomplete or the file was deleted: fetch the model again",
                                 entry.path().string(),
                                 target.string()));
  }
  constexpr std::uintmax_t kLargestPointer = 1024;
  if (!entry.is_regular_file(error) || entry.file_size(error) > kLargestPointer) {
    return;
  }
  std::array<char, 64> head{};
  std::ifstream stream(entry.path(), std::ios::binary);
  stream.read(head.data(), head.size());
  const std::string_view seen(head.data(), static_cast<std::size_t>(stream.gcount()));
  if (describe_content(seen) == "a Git LFS pointer") {
    throw UsageError("E-MODEL-LFS",
                     fmt::format("{}: a Git LFS pointer of {} bytes, not the file itself; run `git "
                                 "lfs pull` where it was cloned, or fetch the model again",
                                 entry.path().string(),
                                 entry.file_size(error)));
  }
}

/// Refuses what cannot be a model before any engine is started.
void check_folder(const fs::path& folder) {
  std::error_code error;
  const std::vector<fs::directory_entry> entries = folder_entries(folder, error);
  if (error) {
    throw UsageError(
        "E-MODEL-FOLDER",
        fmt::format("{}: cannot read the folder: {}", folder.string(), error.message()));
  }
  for (const fs::directory_entry& entry : entries) {
    check_entry(entry);
  }
  if (entries.empty()) {
    throw UsageError("E-MODEL-FOLDER",
                     fmt::format("{}: the folder is empty; a model's folder holds config.json, "
                                 "*.safetensors and tokenizer.json",
                                 folder.string()));
  }
  if (!fs::exists(folder / "config.json", error)) {
    throw UsageError("E-MODEL-FOLDER",
                     fmt::format("{}: no config.json in it; a model's folder holds config.json, "
                                 "*.safetensors and tokenizer.json",
                                 folder.string()));
  }
}

[[noreturn]] void throw_not_cached(const Repository& repository, const fs::path& hub) {
  const std::vector<std::string> cached = cached_models(hub);
  const std::string revision =
      repository.revision.empty() ? "" : fmt::format(" --revision {}", repository.revision);
  throw UsageError(
      "E-MODEL-NOT-CACHED",
      fmt::format("{}{}{}: not in the cache {}; cached: {}; fetch it with: hf download {}{}",
                  repository.full(),
                  repository.revision.empty() ? "" : "@",
                  repository.revision,
                  hub.string(),
                  cached.empty() ? "nothing" : fmt::format("{}", fmt::join(cached, ", ")),
                  repository.full(),
                  revision));
}

/// refs/<revision> when there is one, else the revision itself as a snapshot, in full or by a
/// prefix of at least seven digits that only one snapshot has.
std::string find_snapshot(const fs::path& folder, const std::string& revision) {
  std::error_code error;
  const std::string referenced = read_reference(folder / "refs" / revision);
  if (!referenced.empty()) {
    return is_name(referenced) ? referenced : "";
  }
  if (!is_name(revision)) {
    return "";
  }
  if (fs::is_directory(folder / "snapshots" / revision, error)) {
    return revision;
  }
  std::vector<std::string> matches;
  for (const auto& entry : folder_entries(folder / "snapshots", error)) {
    const std::string name = entry.path().filename().string();
    if (revision.size() >= 7 && name.starts_with(revision)) {
      matches.push_back(name);
    }
  }
  return matches.size() == 1 ? matches.front() : "";
}

ModelSource resolve_cached(const std::string& word,
                           const Repository& repository,
                           const fs::path& hub) {
  const fs::path base = repository_folder(hub, repository);
  const std::string revision = repository.revision.empty() ? "main" : repository.revision;
  const std::string snapshot = find_snapshot(base, revision);
  const fs::path folder = base / "snapshots" / snapshot;
  std::error_code error;
  if (snapshot.empty() || !fs::is_directory(folder, error)) {
    throw_not_cached(repository, hub);
  }
  check_folder(folder);
  return {word,
          "mlx",
          folder,
          repository.name,
          repository.full(),
          snapshot,
          fmt::format("{}, snapshot {}{}",
                      repository.full(),
                      snapshot.substr(0, 8),
                      revision == snapshot ? "" : fmt::format(" ({})", revision))};
}

/// A folder that the word names. A bare name that is also a known one must look like a model.
std::optional<ModelSource> resolve_folder(const std::string& word, bool known_name) {
  std::error_code error;
  const fs::path folder(word);
  if (!fs::exists(folder, error)) {
    return std::nullopt;
  }
  if (!fs::is_directory(folder, error)) {
    throw UsageError("E-MODEL-FOLDER",
                     fmt::format("{}: a file; give the folder that holds it", word));
  }
  if (known_name && !fs::exists(folder / "config.json", error)) {
    return std::nullopt;
  }
  check_folder(folder);
  return ModelSource{
      word, "mlx", folder, last_name(folder), "", "", fmt::format("folder {}", word)};
}

/// The repository that "gguf:org/name+mmproj=FILE" is about.
std::optional<Repository> foreign_repository(const std::string& target, std::string_view prefix) {
  const std::string rest = target.substr(prefix.size());
  return parse_repository(rest.substr(0, rest.find('+')));
}

void refuse_foreign_kind(const std::string& word, const std::string& target, const fs::path& hub) {
  for (const ForeignKind& kind : kForeignKinds) {
    if (target.starts_with(kind.prefix)) {
      const std::string fetch = fetch_command(target, hub);
      throw UsageError(
          "E-MODEL-ENGINE",
          fmt::format("{}{}: needs the {} engine, which this version does not have yet; {}{}",
                      word,
                      word == target ? "" : fmt::format(" ({})", target),
                      kind.engine,
                      kind.instead,
                      fetch.empty() ? "" : "; its files are fetched with: " + fetch));
    }
  }
}

[[noreturn]] void throw_not_found(const std::string& word, const std::vector<ModelName>& table) {
  const bool path = word.find('/') != std::string::npos;
  std::vector<std::string> names{"demo"};
  for (const ModelName& row : table) {
    names.push_back(row.name);
  }
  throw UsageError("E-MODEL-NOT-FOUND",
                   path ? fmt::format("{}: no such folder", word)
                        : fmt::format("{}: neither a folder nor a known name{}; known: {}; or "
                                      "org/name from the Hugging Face cache",
                                      word,
                                      did_you_mean(word, names),
                                      fmt::join(names, ", ")));
}

}  // namespace

fs::path hub_folder(
    const std::function<std::optional<std::string>(const std::string&)>& environment) {
  const auto set = [&](const char* name) {
    const auto value = environment(name);
    return value && !value->empty() ? fs::path(*value) : fs::path();
  };
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"}) {
    if (const fs::path folder = set(name); !folder.empty()) {
      return folder;
    }
  }
  if (const fs::path home = set("HF_HOME"); !home.empty()) {
    return home / "hub";
  }
  if (const fs::path cache = set("XDG_CACHE_HOME"); !cache.empty()) {
    return cache / "huggingface" / "hub";
  }
  return set("HOME") / ".cache" / "huggingface" / "hub";
}

std::vector<std::string> cached_models(const fs::path& hub) {
  constexpr std::string_view kPrefix = "models--";
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : folder_entries(hub, error)) {
    std::string name = entry.path().filename().string();
    const fs::path snapshots = entry.path() / "snapshots";
    if (!name.starts_with(kPrefix) || !fs::is_directory(snapshots, error) ||
        fs::is_empty(snapshots, error)) {
      continue;
    }
    name.erase(0, kPrefix.size());
    if (const std::size_t split = name.find("--"); split != std::string::npos) {
      name.replace(split, 2, "/");
      names.push_back(std::move(name));
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string fetch_command(const std::string& word, const fs::path& hub) {
  if (is_server_word(word)) {
    return {};
  }
  if (word.starts_with(kTorch)) {
    return fetch_command(word.substr(kTorch.size()), hub);
  }
  std::optional<Repository> repository = parse_repository(word);
  for (const ForeignKind& kind : kForeignKinds) {
    if (word.starts_with(kind.prefix)) {
      repository = foreign_repository(word, kind.prefix);
    }
  }
  std::error_code error;
  if (!repository || fs::exists(word, error)) {
    return {};
  }
  const std::string revision = repository->revision.empty() ? "main" : repository->revision;
  const fs::path base = repository_folder(hub, *repository);
  if (!find_snapshot(base, revision).empty()) {
    return {};
  }
  return fmt::format("hf download {}{}",
                     repository->full(),
                     repository->revision.empty() ? "" : " --revision " + repository->revision);
}

namespace {

/// What stands behind the prefix. A name's meaning is not looked up among names again, or it could
/// mean itself.
ModelSource resolve_torch(const std::string& word,
                          const std::string& target,
                          ModelPlaces places,
                          bool named) {
  if (named) {
    places.names.clear();
  }
  ModelSource source = resolve_model(target.substr(kTorch.size()), places);
  source.word = word;
  source.engine = "torch";
  source.label = named ? word : source.label;
  source.described += ", with PyTorch";
  return source;
}

ModelSource server_source(const std::string& word, const std::string& target, bool named) {
  const ServerAddress address = parse_server_address(target);
  ModelSource source;
  source.word = word;
  source.engine = "server";
  source.folder = to_string(address);
  source.label = named                   ? word
                 : address.model.empty() ? host_of(address.endpoints.front())
                                         : address.model;
  source.described = address.endpoints.size() == 1
                         ? "a server"
                         : fmt::format("{} servers", address.endpoints.size());
  return source;
}

}  // namespace

namespace {

/// `named`: the name that the word is, null when it is none.
ModelSource resolve_word(const std::string& word,
                         const ModelName* named,
                         const ModelPlaces& places) {
  if (auto source = resolve_folder(word, word == "demo" || named != nullptr)) {
    return *source;
  }
  if (word == "demo" && named == nullptr) {
    check_folder(places.demo);
    return {word, "mlx", places.demo, "demo", "", "", "the embedded model"};
  }
  const std::string target = named != nullptr ? named->word : word;
  if (target.starts_with(kTorch)) {
    return resolve_torch(word, target, places, named != nullptr);
  }
  if (is_server_word(target)) {
    return server_source(word, target, named != nullptr);
  }
  refuse_foreign_kind(word, target, places.hub);
  if (named != nullptr) {
    if (target == "demo") {
      check_folder(places.demo);
      return {word, "mlx", places.demo, word, "", "", "the embedded model"};
    }
    if (auto source = resolve_folder(target, false)) {
      source->word = word;
      source->label = word;
      return *source;
    }
  }
  if (const auto repository = parse_repository(target)) {
    return resolve_cached(word, *repository, places.hub);
  }
  // What a name stands for is not looked up among names.
  throw_not_found(target, named != nullptr ? std::vector<ModelName>() : places.names);
}

}  // namespace

ModelSource resolve_model(const std::string& word, const ModelPlaces& places) {
  const ModelName* const named = find_model_name(places.names, word);
  if (named == nullptr || named->origin == kBuiltIn) {
    return resolve_word(word, named, places);
  }
  try {
    return resolve_word(word, named, places);
  } catch (const UsageError& error) {
    throw UsageError(error.code(),
                     fmt::format("{}: models.{}: {}", named->origin, word, error.what()));
  }
}

}  // namespace headroom::backends
