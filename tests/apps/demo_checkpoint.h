#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "base/json.h"

namespace headroom::test {

/// The embedded assets in the source tree.
std::filesystem::path demo_assets();

/// A copy of the demo model that a test may spoil. The weights are a link to the demo's until a
/// member changes them.
class DemoCheckpoint {
 public:
  explicit DemoCheckpoint(std::filesystem::path folder);

  const std::filesystem::path& path() const { return folder_; }

  void remove(const std::string& file) const;
  void write(const std::string& file, const std::string& text) const;
  void edit_json(const std::string& file, const std::function<void(Json&)>& change) const;
  /// Stores the weights as float16 instead of bfloat16, each number rounded to the nearest.
  void to_float16() const;
  /// Keeps that share of the file's bytes.
  void truncate(const std::string& file, double share) const;

  /// Rewrites the header of model.safetensors; the data stay as they are.
  void edit_weights_header(const std::function<void(Json&)>& change) const;
  /// Replaces the 8 bytes that say how long the header is.
  void set_header_length(std::uint64_t length) const;

 private:
  std::filesystem::path weights() const { return folder_ / "model.safetensors"; }

  std::filesystem::path folder_;
};

/// Moves a checkpoint's files into a cache as huggingface_hub lays it out:
/// hub/models--org--name/{blobs,refs/main,snapshots/<revision>}. `reference_tail` follows the
/// revision in refs/main.
void make_hub_cache(const std::filesystem::path& hub,
                    const std::string& repository,
                    const std::string& revision,
                    const std::filesystem::path& checkpoint,
                    const std::string& reference_tail = "");

}  // namespace headroom::test
