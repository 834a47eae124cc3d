#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "engine/device.h"
#include "engine/safetensors.h"

namespace headroom::engine {

/// Single tensors of one safetensors file, such as a reference's inputs and outputs.
class TensorFile {
 public:
  /// Throws: InputError("E-GOLDEN") for a file that is not in safetensors.
  explicit TensorFile(const std::filesystem::path& path);

  std::vector<std::string> names() const;

  bool has(const std::string& name) const { return header_.tensors.contains(name); }

  const std::vector<std::uint64_t>& shape(const std::string& name) const;

  /// A tensor of F32, BF16 or F16 as float32.
  /// Throws: InputError("E-GOLDEN") when it is absent or of another dtype.
  mx::array floats(const std::string& name) const;
  /// A tensor of I32, I64, U8 or BOOL, flattened. Throws as above, also for what exceeds 32 bits.
  std::vector<std::int32_t> integers(const std::string& name) const;

 private:
  const StoredTensor& find(const std::string& name) const;
  std::string read(const StoredTensor& tensor) const;

  std::filesystem::path path_;
  SafetensorsHeader header_;
};

}  // namespace headroom::engine
