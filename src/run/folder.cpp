#include "run/folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <random>

#include "base/errors.h"
#include "base/spelling.h"
#include "lock.h"
#include "run/journal.h"

namespace headroom::run {

namespace {

constexpr std::size_t kIdLength = 6;
constexpr std::size_t kNameLength = 48;
constexpr std::string_view kLetters = "0123456789abcdefghijklmnopqrstuvwxyz";
constexpr int kTries = 100;

/// Letters that mean the same in every shell and file system.
std::string plain(const std::string& name) {
  std::string result;
  for (const char c : name.substr(0, kNameLength)) {
    const bool keep = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-';
    result += keep ? c : '-';
  }
  return result.empty() ? "unnamed" : result;
}

/// 20261125T034633Z.
std::string compact_time(WallTime time) {
  std::string text = iso_time(time);
  std::erase(text, '-');
  std::erase(text, ':');
  return text;
}

std::string random_id() {
  std::random_device device;
  std::string id;
  for (std::size_t i = 0; i < kIdLength; ++i) {
    id += kLetters[device() % kLetters.size()];
  }
  return id;
}

/// So that the new folder's name survives a loss of power.
void sync_folder(const std::filesystem::path& folder) {
  const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file >= 0) {
    ::fsync(file);
    ::close(file);
  }
}

[[noreturn]] void refuse(const std::filesystem::path& folder, const std::error_code& error) {
  throw ResourceError(
      "E-WRITE",
      fmt::format("{}: cannot make the run's folder: {}; choose another place with --out",
                  folder.string(),
                  error.message()));
}

std::string id_of(const std::filesystem::path& folder) {
  const std::string name = folder.filename().string();
  const std::size_t last = name.rfind('_');
  return last == std::string::npos ? name : name.substr(last + 1);
}

}  // namespace

RunFolder create_run_folder(const std::filesystem::path& out,
                            const Specification& spec,
                            const Clock& clock) {
  std::error_code error;
  std::filesystem::create_directories(out, error);
  if (error) {
    refuse(out, error);
  }
  std::string model = spec.models.empty() ? "none" : plain(spec.models.front().name);
  if (spec.models.size() > 1) {
    model += fmt::format("+{}", spec.models.size() - 1);
  }
  const std::string start =
      fmt::format("{}_{}_{}_", compact_time(clock.wall()), plain(spec.data.label), model);
  for (int i = 0; i < kTries; ++i) {
    const std::string id = random_id();
    const std::filesystem::path path = out / (start + id);
    // False without an error: it was there before, so it is another run's.
    if (std::filesystem::create_directory(path, error)) {
      sync_folder(out);
      return {path, id};
    }
    if (error) {
      refuse(path, error);
    }
  }
  throw InternalError(fmt::format("{}: no free name for a run's folder", out.string()));
}

std::vector<std::filesystem::path> list_runs(const std::filesystem::path& runs) {
  std::vector<std::filesystem::path> folders;
  std::error_code error;
  for (std::filesystem::directory_iterator entries(runs, error), end; !error && entries != end;
       entries.increment(error)) {
    std::error_code ignored;
    if (std::filesystem::exists(entries->path() / kJournalName, ignored)) {
      folders.push_back(entries->path());
    }
  }
  // Names begin with the time.
  std::sort(folders.begin(), folders.end(), [](const auto& a, const auto& b) {
    return a.filename().string() > b.filename().string();
  });
  return folders;
}

std::filesystem::path find_run(const std::string& word, const std::filesystem::path& runs) {
  std::error_code error;
  if (std::filesystem::exists(std::filesystem::path(word) / kJournalName, error)) {
    return word;
  }
  const std::filesystem::path file(word);
  if (file.filename() == kJournalName && std::filesystem::is_regular_file(file, error)) {
    return file.parent_path().empty() ? std::filesystem::path(".") : file.parent_path();
  }
  const std::vector<std::filesystem::path> folders = list_runs(runs);
  if (word == "last" && !folders.empty()) {
    return folders.front();
  }
  std::vector<std::filesystem::path> matches;
  std::vector<std::string> names;
  for (const auto& folder : folders) {
    const std::string id = id_of(folder);
    if (folder.filename() == word || id == word) {
      return folder;
    }
    if (!word.empty() && (id.starts_with(word) || folder.filename().string().starts_with(word))) {
      matches.push_back(folder);
    }
    names.push_back(id);
    names.push_back(folder.filename().string());
  }
  if (matches.size() == 1) {
    return matches.front();
  }
  if (matches.size() > 1) {
    std::string list;
    for (const auto& match : matches) {
      list += (list.empty() ? "" : ", ") + match.filename().string();
    }
    throw UsageError("E-RUN-NAME", fmt::format("'{}' may be any of: {}", word, list));
  }
  if (std::filesystem::is_directory(word, error)) {
    throw UsageError("E-RUN-NAME",
                     fmt::format("{}: a folder, but not of a run: no {} in it; a folder that holds "
                                 "runs is named with -o",
                                 word,
                                 kJournalName));
  }
  if (folders.empty()) {
    throw UsageError("E-RUN-NAME",
                     fmt::format("no run '{}': {} holds no runs; name the folder that does with -o",
                                 word,
                                 runs.string()));
  }
  throw UsageError(
      "E-RUN-NAME",
      fmt::format("no run '{}' in {} ({} runs there){}; `headroom runs -o {}` lists them",
                  word,
                  runs.string(),
                  folders.size(),
                  did_you_mean(word, names),
                  runs.string()));
}

bool is_being_written(const std::filesystem::path& folder) { return has_live_writer(folder); }

}  // namespace headroom::run
