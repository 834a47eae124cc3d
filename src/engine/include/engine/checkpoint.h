#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "engine/safetensors.h"

namespace headroom::engine {

/// The weight files of a folder, by their headers: either model.safetensors, or what
/// model.safetensors.index.json names. Other files are never read.
class Checkpoint {
 public:
  struct Entry {
    StoredTensor tensor;
    std::size_t file = 0;      ///< index into files()
    std::uint64_t offset = 0;  ///< of its first byte in the file
  };

  /// Throws: UsageError: E-CHECKPOINT for a missing or empty folder, an index that is wrong about
  /// its files (all absent ones, all misplaced tensors), an index beside a model.safetensors that
  /// it does not name; E-WEIGHTS-FILE and E-SAFETENSORS as read_safetensors_header.
  static Checkpoint open(const std::filesystem::path& folder);

  const std::map<std::string, Entry>& tensors() const { return tensors_; }

  const std::vector<std::filesystem::path>& files() const { return files_; }

  /// True: written by MLX, as the files themselves say, which orders the sides of convolutions
  /// otherwise.
  bool written_by_mlx() const;

  /// Weight files that were left alone, each named.
  const std::vector<std::string>& notices() const { return notices_; }

  const std::filesystem::path& folder() const { return folder_; }

  /// Throws UsageError("E-WEIGHTS-FILE") if a weight file is gone, or has another size or time than
  /// when it was opened: what is read again later would not be the same model.
  void require_unchanged() const;

 private:
  void open_index(const std::filesystem::path& index);
  void add_tensors(std::size_t file, const std::map<std::string, std::string>& weight_map);
  void note_strays();

  struct Stamp {
    std::uintmax_t bytes = 0;
    std::filesystem::file_time_type written;

    bool operator==(const Stamp&) const = default;
  };

  static Stamp stamp_of(const std::filesystem::path& file);

  std::filesystem::path folder_;
  std::vector<std::filesystem::path> files_;
  std::vector<SafetensorsHeader> headers_;
  std::vector<Stamp> stamps_;  // of the files
  std::map<std::string, Entry> tensors_;
  std::vector<std::string> notices_;
};

/// A JSON table of a checkpoint folder, such as config.json.
/// Throws: UsageError("E-CHECKPOINT") naming the file when it is missing, a Git LFS pointer, an
/// HTML page, larger than 64 MiB, not JSON, or not a table.
Json read_checkpoint_json(const std::filesystem::path& path);

}  // namespace headroom::engine
