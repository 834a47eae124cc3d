#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"

namespace headroom::mlx_worker::testing {

/// The tensors of one safetensors file, in its order, as bytes.
struct StoredFile {
  struct Tensor {
    std::string name;
    std::string dtype;
    Json shape;
    std::string bytes;
  };

  std::vector<Tensor> tensors;
  Json metadata = "absent";  ///< "absent", null, or a table

  static StoredFile read(const std::filesystem::path& path);
  void write(const std::filesystem::path& path) const;
  Tensor& find(const std::string& name);
};

/// Copies the model folder `base` to `out` and applies one variant of `changes` (a case's
/// input/changes.json) to it, operation by operation: set, delete, write, remove, tensor_copy,
/// tensor_random, metadata, shards, stray, lfs_pointer, truncate.
/// tensor_random takes its numbers from random_seed<seed>.bf16 beside `changes`.
void make_variant(const std::filesystem::path& base,
                  const std::filesystem::path& changes,
                  const std::string& variant,
                  const std::filesystem::path& out);

}  // namespace headroom::mlx_worker::testing
