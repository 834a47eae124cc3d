#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace headroom::backends {

/// org/name[@revision], taken apart.
struct Repository {
  std::string org;
  std::string name;
  std::string revision;  ///< empty: main

  std::string full() const { return org + "/" + name; }
};

/// Empty for any other word.
std::optional<Repository> parse_repository(const std::string& word);

/// A repository's state in the Hugging Face cache.
struct Snapshot {
  std::string name;  ///< its hash
  std::filesystem::path folder;
};

/// Of the repository's revision: refs/<revision> when there is one, else the revision itself as a
/// snapshot, in full or by a prefix of at least seven digits that only one snapshot has. Empty: not
/// there. Only reads.
std::optional<Snapshot> find_snapshot(const std::filesystem::path& hub,
                                      const Repository& repository);
/// The same. Throws UsageError("E-MODEL-NOT-CACHED") with what is cached and `fetch`, the command
/// that gets it.
Snapshot require_snapshot(const std::filesystem::path& hub,
                          const Repository& repository,
                          const std::string& fetch);

/// "someone/demo-vlm, snapshot 01234567 (main)".
std::string described(const Repository& repository, const Snapshot& snapshot);

/// Refuses what only stands for a model's file. Throws UsageError: E-MODEL-DANGLING (a link whose
/// file is gone, with both paths), E-MODEL-LFS (a Git LFS pointer in its place).
void check_model_file(const std::filesystem::path& file);

}  // namespace headroom::backends
