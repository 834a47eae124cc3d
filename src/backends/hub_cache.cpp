#include "hub_cache.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <vector>

#include "backends/model_source.h"
#include "base/errors.h"
#include "base/files.h"
#include "base/folder_entries.h"

namespace headroom::backends {

namespace {

namespace fs = std::filesystem;

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

std::string revision_of(const Repository& repository) {
  return repository.revision.empty() ? "main" : repository.revision;
}

std::string snapshot_name(const fs::path& folder, const std::string& revision) {
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

}  // namespace

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

std::optional<Snapshot> find_snapshot(const fs::path& hub, const Repository& repository) {
  const fs::path base = repository_folder(hub, repository);
  Snapshot found;
  found.name = snapshot_name(base, revision_of(repository));
  found.folder = base / "snapshots" / found.name;
  std::error_code error;
  if (found.name.empty() || !fs::is_directory(found.folder, error)) {
    return std::nullopt;
  }
  return found;
}

Snapshot require_snapshot(const fs::path& hub,
                          const Repository& repository,
                          const std::string& fetch) {
  if (auto found = find_snapshot(hub, repository)) {
    return *found;
  }
  const std::vector<std::string> cached = cached_models(hub);
  throw UsageError(
      "E-MODEL-NOT-CACHED",
      fmt::format("{}{}{}: not in the cache {}; cached: {}; fetch it with: {}",
                  repository.full(),
                  repository.revision.empty() ? "" : "@",
                  repository.revision,
                  hub.string(),
                  cached.empty() ? "nothing" : fmt::format("{}", fmt::join(cached, ", ")),
                  fetch));
}

std::string described(const Repository& repository, const Snapshot& snapshot) {
  const std::string revision = revision_of(repository);
  return fmt::format("{}, snapshot {}{}",
                     repository.full(),
                     snapshot.name.substr(0, 8),
                     revision == snapshot.name ? "" : fmt::format(" ({})", revision));
}

void check_model_file(const fs::path& file) {
  std::error_code error;
  const fs::directory_entry entry(file, error);
  if (entry.is_symlink(error) && !fs::exists(file, error)) {
    const fs::path target = (file.parent_path() / fs::read_symlink(file, error)).lexically_normal();
    throw UsageError("E-MODEL-DANGLING",
                     fmt::format("{}: a link to {}, which is not there; the download is "
                                 "incomplete or the file was deleted: fetch the model again",
                                 file.string(),
                                 target.string()));
  }
  constexpr std::uintmax_t kLargestPointer = 1024;
  if (!entry.is_regular_file(error) || entry.file_size(error) > kLargestPointer) {
    return;
  }
  std::array<char, 64> head{};
  std::ifstream stream(file, std::ios::binary);
  stream.read(head.data(), head.size());
  const std::string_view seen(head.data(), static_cast<std::size_t>(stream.gcount()));
  if (describe_content(seen) == "a Git LFS pointer") {
    throw UsageError("E-MODEL-LFS",
                     fmt::format("{}: a Git LFS pointer of {} bytes, not the file itself; run `git "
                                 "lfs pull` where it was cloned, or fetch the model again",
                                 file.string(),
                                 entry.file_size(error)));
  }
}

}  // namespace headroom::backends
