#include "gguf_source.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <regex>
#include <vector>

#include "backends/gguf_files.h"
#include "base/absolute_path.h"
#include "base/errors.h"
#include "base/folder_entries.h"
#include "hub_cache.h"

namespace headroom::backends {

namespace {

namespace fs = std::filesystem;

/// What llama.cpp itself takes of a repository when none is named.
constexpr std::string_view kUsualQuantisation = "Q4_K_M";
constexpr std::size_t kMostListed = 20;

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  return result;
}

/// The repository with its quantisation: "org/name:Q4_K_M@revision".
struct GgufRepository {
  Repository repository;
  std::string quantisation;  ///< empty: not named
};

std::optional<GgufRepository> parse_gguf_repository(const std::string& text) {
  std::string plain = text;
  GgufRepository result;
  if (const std::size_t colon = plain.find(':'); colon != std::string::npos) {
    const std::size_t end = std::min(plain.find('@', colon), plain.size());
    result.quantisation = plain.substr(colon + 1, end - colon - 1);
    plain.erase(colon, end - colon);
  }
  const auto repository = parse_repository(plain);
  if (!repository) {
    return std::nullopt;
  }
  result.repository = *repository;
  return result;
}

std::string fetch_of(const GgufRepository& wanted) {
  const std::string& quantisation = wanted.quantisation;
  return fmt::format(
      "hf download {}{}{}",
      wanted.repository.full(),
      wanted.repository.revision.empty() ? "" : " --revision " + wanted.repository.revision,
      quantisation.empty() ? ""
                           : fmt::format(" --include '*{}*' --include '*mmproj*'", quantisation));
}

bool is_mmproj(const fs::path& file) {
  return lower(file.filename().string()).find("mmproj") != std::string::npos;
}

/// Of a split model, a part behind the first.
bool is_later_part(const fs::path& file) {
  static const std::regex kPart(".*-([0-9]{5})-of-[0-9]{5}[.]gguf");
  std::smatch match;
  const std::string name = file.filename().string();
  return std::regex_match(name, match, kPart) && match[1] != "00001";
}

/// Without its extension and its part's number.
std::string stem_of(const fs::path& file) {
  static const std::regex kPart("-[0-9]{5}-of-[0-9]{5}$");
  return std::regex_replace(file.stem().string(), kPart, "");
}

/// The word as a part of the name by itself: "Q4_K" is not in "model-Q4_K_M".
bool names(const fs::path& file, std::string_view quantisation) {
  const std::string name = lower(stem_of(file));
  const std::string word = lower(quantisation);
  const auto inside = [&](std::size_t at) {
    return at < name.size() &&
           (std::isalnum(static_cast<unsigned char>(name[at])) != 0 || name[at] == '_');
  };
  for (std::size_t at = name.find(word); at != std::string::npos; at = name.find(word, at + 1)) {
    if ((at == 0 || !inside(at - 1)) && !inside(at + word.size())) {
      return true;
    }
  }
  return false;
}

struct FolderFiles {
  std::vector<fs::path> models;
  std::vector<fs::path> mmprojs;
};

FolderFiles list_folder(const fs::path& folder) {
  FolderFiles files;
  std::error_code error;
  for (const fs::directory_entry& entry : folder_entries(folder, error)) {
    const fs::path& file = entry.path();
    if (lower(file.extension().string()) != ".gguf" || entry.is_directory(error) ||
        is_later_part(file)) {
      continue;
    }
    (is_mmproj(file) ? files.mmprojs : files.models).push_back(file);
  }
  std::sort(files.models.begin(), files.models.end());
  std::sort(files.mmprojs.begin(), files.mmprojs.end());
  return files;
}

std::string listed(const std::vector<fs::path>& files) {
  std::vector<std::string> names;
  for (const fs::path& file : files) {
    if (names.size() == kMostListed) {
      names.push_back(fmt::format("and {} more", files.size() - kMostListed));
      break;
    }
    names.push_back(file.filename().string());
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

/// The only one, or the only one of the usual quantisation.
fs::path choose_model(const std::string& word, const fs::path& folder, const std::string& how) {
  const std::vector<fs::path> models = list_folder(folder).models;
  if (models.empty()) {
    throw UsageError(
        "E-MODEL-FOLDER",
        fmt::format(
            "{}: no model (*.gguf without mmproj in its name) in {}", word, folder.string()));
  }
  std::vector<fs::path> usual;
  std::copy_if(models.begin(), models.end(), std::back_inserter(usual), [](const fs::path& file) {
    return names(file, kUsualQuantisation);
  });
  if (models.size() == 1 || usual.size() == 1) {
    return models.size() == 1 ? models.front() : usual.front();
  }
  throw UsageError(
      "E-MODEL-AMBIGUOUS",
      fmt::format("{}: {} models are there: {}; {}", word, models.size(), listed(models), how));
}

fs::path choose_of_repository(const std::string& word,
                              const GgufRepository& wanted,
                              const fs::path& folder) {
  if (wanted.quantisation.empty()) {
    return choose_model(
        word, folder, fmt::format("name its quantisation: gguf:{}:Q8_0", wanted.repository.full()));
  }
  std::vector<fs::path> found;
  const std::vector<fs::path> models = list_folder(folder).models;
  std::copy_if(models.begin(), models.end(), std::back_inserter(found), [&](const fs::path& file) {
    return names(file, wanted.quantisation);
  });
  if (found.empty()) {
    throw UsageError("E-MODEL-NOT-CACHED",
                     fmt::format("{}: no {} in the cache; there is {}; fetch it with: {}",
                                 word,
                                 wanted.quantisation,
                                 models.empty() ? "nothing" : listed(models),
                                 fetch_of(wanted)));
  }
  if (found.size() > 1) {
    throw UsageError("E-MODEL-AMBIGUOUS",
                     fmt::format("{}: {} files are {}: {}; name one: gguf:{}",
                                 word,
                                 found.size(),
                                 wanted.quantisation,
                                 listed(found),
                                 found.front().string()));
  }
  return found.front();
}

/// That of the model's own name, else the only one.
fs::path find_mmproj(const std::string& word, const fs::path& model) {
  const std::vector<fs::path> found = list_folder(model.parent_path()).mmprojs;
  const std::string stem = lower(stem_of(model));
  for (const fs::path& file : found) {
    const std::string name = lower(file.stem().string());
    if (name == "mmproj-" + stem || name == stem + "-mmproj" || name == stem + ".mmproj") {
      return file;
    }
  }
  if (found.size() > 1) {
    throw UsageError("E-MODEL-AMBIGUOUS",
                     fmt::format("{}: {} vision parts lie beside {}: {}; name one: +mmproj={}, or "
                                 "+mmproj=none",
                                 word,
                                 found.size(),
                                 model.filename().string(),
                                 listed(found),
                                 found.front().filename().string()));
  }
  return found.empty() ? fs::path() : found.front();
}

fs::path named_mmproj(const std::string& word, const fs::path& named, const fs::path& model) {
  std::error_code error;
  if (named == "none") {
    return {};
  }
  if (!named.has_parent_path() && !fs::exists(named, error) &&
      fs::exists(model.parent_path() / named, error)) {
    return model.parent_path() / named;
  }
  check_model_file(named);
  if (!fs::is_regular_file(named, error)) {
    throw UsageError("E-MODEL-NOT-FOUND",
                     fmt::format("{}: no file {} here or beside the model", word, named.string()));
  }
  return named;
}

ModelSource source_of(const std::string& word, GgufFiles files) {
  files.model = absolute_path(files.model);
  files.mmproj = files.mmproj.empty() ? find_mmproj(word, files.model)
                                      : named_mmproj(word, files.mmproj, files.model);
  for (const fs::path& file : all_files(files)) {
    std::error_code error;
    check_model_file(file);
    if (!fs::is_regular_file(file, error)) {
      throw UsageError(
          "E-MODEL-NOT-FOUND",
          fmt::format(
              "{}: {} is not there; a split model needs all of its parts", word, file.string()));
    }
  }
  if (!files.mmproj.empty()) {
    files.mmproj = absolute_path(files.mmproj);
  }
  ModelSource source;
  source.word = word;
  source.engine = "gguf";
  source.folder = to_string(files);
  source.label = stem_of(files.model);
  source.described =
      fmt::format("GGUF{}", files.mmproj.empty() ? ", no vision part beside it" : "");
  return source;
}

std::string without_prefix(const std::string& target) {
  return target.starts_with(kGguf) ? target.substr(kGguf.size()) : target;
}

/// "Q4_K_M" of "model-Q4_K_M"; empty: its name tells none.
std::string quantisation_of(const fs::path& file) {
  static const std::regex kQuantisation(
      "(?:^|[-.])((?:UD-)?(?:I?Q[0-9][A-Z0-9_]*|TQ[0-9]_[0-9]|B?F16|F32|MXFP4[A-Z0-9_]*))$",
      std::regex::icase);
  std::smatch match;
  const std::string stem = stem_of(file);
  return std::regex_search(stem, match, kQuantisation) ? match[1].str() : "";
}

}  // namespace

CachedGguf cached_gguf(const fs::path& hub, const std::string& repository) {
  CachedGguf cached;
  const auto wanted = parse_repository(repository);
  const auto snapshot = wanted ? find_snapshot(hub, *wanted) : std::nullopt;
  if (!snapshot) {
    return cached;
  }
  const std::vector<fs::path> models = list_folder(snapshot->folder).models;
  for (const fs::path& model : models) {
    const std::string quantisation = quantisation_of(model);
    const auto same = std::count_if(models.begin(), models.end(), [&](const fs::path& other) {
      return !quantisation.empty() && names(other, quantisation);
    });
    cached.words.push_back(same == 1 ? fmt::format("{}{}:{}", kGguf, repository, quantisation)
                                     : std::string(kGguf) + model.string());
  }
  std::error_code error;
  for (const fs::directory_entry& entry : folder_entries(snapshot->folder, error)) {
    cached.alone = cached.alone && entry.path().extension() != ".safetensors";
  }
  return cached;
}

bool is_gguf_word(const std::string& word) {
  if (word.starts_with(kGguf)) {
    return true;
  }
  const std::string plain = lower(word.substr(0, word.find('+')));
  std::error_code error;
  return plain.ends_with(".gguf") && !fs::is_directory(word, error);
}

ModelSource resolve_gguf(const std::string& word, const std::string& target, const fs::path& hub) {
  GgufFiles files = parse_gguf_files(without_prefix(target));
  std::error_code error;
  if (fs::is_directory(files.model, error)) {
    files.model = choose_model(word, files.model, "name its file");
    return source_of(word, std::move(files));
  }
  check_model_file(files.model);
  if (fs::exists(files.model, error)) {
    return source_of(word, std::move(files));
  }
  const auto wanted = parse_gguf_repository(files.model.string());
  if (!wanted || lower(files.model.extension().string()) == ".gguf") {
    throw UsageError("E-MODEL-NOT-FOUND",
                     fmt::format("{}: no such file or folder: {}", word, files.model.string()));
  }
  const Snapshot snapshot = require_snapshot(hub, wanted->repository, fetch_of(*wanted));
  files.model = choose_of_repository(word, *wanted, snapshot.folder);
  ModelSource source = source_of(word, std::move(files));
  source.repository = wanted->repository.full();
  source.revision = snapshot.name;
  source.label = wanted->repository.name;
  if (!wanted->quantisation.empty()) {
    source.label += "-" + wanted->quantisation;
  }
  source.described = described(wanted->repository, snapshot) + ", " + source.described;
  return source;
}

std::string gguf_fetch_command(const std::string& target, const fs::path& hub) {
  std::error_code error;
  GgufFiles files;
  try {
    files = parse_gguf_files(without_prefix(target));
  } catch (const UsageError&) {
    return {};
  }
  const auto wanted = parse_gguf_repository(files.model.string());
  if (!wanted || fs::exists(files.model, error)) {
    return {};
  }
  const auto snapshot = find_snapshot(hub, wanted->repository);
  if (!snapshot) {
    return fetch_of(*wanted);
  }
  const std::vector<fs::path> models = list_folder(snapshot->folder).models;
  const bool there = std::any_of(models.begin(), models.end(), [&](const fs::path& file) {
    return wanted->quantisation.empty() || names(file, wanted->quantisation);
  });
  return there ? "" : fetch_of(*wanted);
}

}  // namespace headroom::backends
