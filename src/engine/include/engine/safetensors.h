#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace headroom::engine {

/// One tensor as a safetensors header describes it.
struct StoredTensor {
  std::string dtype;                 ///< "F32", "BF16", … as written
  std::vector<std::uint64_t> shape;  ///< empty: a scalar
  std::uint64_t begin = 0;           ///< bytes from the start of the data
  std::uint64_t end = 0;

  std::uint64_t bytes() const { return end - begin; }

  std::uint64_t elements() const;
};

/// A header that was found consistent: each tensor's bytes follow from its dtype and shape, and all
/// together cover the data exactly, without gap or overlap.
struct SafetensorsHeader {
  std::map<std::string, StoredTensor> tensors;
  std::map<std::string, std::string> metadata;  ///< texts of "__metadata__"; empty if absent
  std::uint64_t data_start = 0;                 ///< in the file
  std::uint64_t data_bytes = 0;
};

inline constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;
inline constexpr std::size_t kMaxDimensions = 8;

/// Parses the JSON text of a header. `data_bytes`: what follows it in the file.
/// Throws: UsageError("E-SAFETENSORS") with `where`, the tensor and the numbers compared.
/// Memory: proportional to the number of tensors, whatever the text holds.
/// Source: the safetensors format description, and the reference reader's checks.
SafetensorsHeader parse_safetensors_header(std::string_view json,
                                           std::uint64_t data_bytes,
                                           const std::string& where);

/// Reads and parses a file's header; the data are not read.
/// Throws: as above; UsageError("E-WEIGHTS-FILE") for what is no such file: missing, empty, a Git
/// LFS pointer (with the size it stands for), an HTML page, cut short (with both sizes).
SafetensorsHeader read_safetensors_header(const std::filesystem::path& path);

/// Bytes of one element, or 0 for a dtype that this reader does not know.
std::uint64_t stored_dtype_size(std::string_view dtype);

/// "[588, 256]".
std::string shape_to_string(const std::vector<std::uint64_t>& shape);

}  // namespace headroom::engine
