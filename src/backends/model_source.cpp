#include "backends/model_source.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "backends/server_address.h"
#include "base/absolute_path.h"
#include "base/errors.h"
#include "base/folder_entries.h"
#include "base/spelling.h"
#include "gguf_source.h"
#include "hub_cache.h"

namespace headroom::backends {

namespace {

namespace fs = std::filesystem;

/// Before a word whose model is asked with PyTorch.
constexpr std::string_view kTorch = "torch:";

/// Files that loading reads: nothing else in the folder can be in the way.
bool matters(const fs::path& file) {
  const std::string extension = file.extension().string();
  return extension == ".json" || extension == ".safetensors" || extension == ".jinja";
}

void check_entry(const fs::directory_entry& entry) {
  if (matters(entry.path())) {
    check_model_file(entry.path());
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
    const bool gguf =
        std::any_of(entries.begin(), entries.end(), [](const fs::directory_entry& entry) {
          return entry.path().extension() == ".gguf";
        });
    throw UsageError(
        "E-MODEL-FOLDER",
        fmt::format("{}: no config.json in it; a model's folder holds config.json, "
                    "*.safetensors and tokenizer.json{}",
                    folder.string(),
                    gguf ? "; its *.gguf are asked by the name gguf:" + folder.string() : ""));
  }
}

std::string fetch_of(const Repository& repository) {
  return fmt::format("hf download {}{}",
                     repository.full(),
                     repository.revision.empty() ? "" : " --revision " + repository.revision);
}

ModelSource resolve_cached(const std::string& word,
                           const Repository& repository,
                           const fs::path& hub) {
  const Snapshot found = require_snapshot(hub, repository, fetch_of(repository));
  check_folder(found.folder);
  return {word,
          "mlx",
          found.folder,
          repository.name,
          repository.full(),
          found.name,
          described(repository, found)};
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
  if (is_gguf_word(word)) {
    return gguf_fetch_command(word, hub);
  }
  const std::optional<Repository> repository = parse_repository(word);
  std::error_code error;
  if (!repository || fs::exists(word, error) || find_snapshot(hub, *repository)) {
    return {};
  }
  return fetch_of(*repository);
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
  if (source.engine != "mlx") {
    throw UsageError("E-MODEL-ENGINE",
                     fmt::format("{}: PyTorch is asked with a folder of safetensors, not with {}",
                                 word,
                                 source.folder.string()));
  }
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
  const bool other = word.starts_with(kTorch) || is_server_word(word);
  if (named == nullptr && !other && is_gguf_word(word)) {
    return resolve_gguf(word, word, places.hub);
  }
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
  if (is_gguf_word(target)) {
    ModelSource source = resolve_gguf(word, target, places.hub);
    source.label = word;
    source.repository.clear();  // the name that was given is what it is called by
    return source;
  }
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
