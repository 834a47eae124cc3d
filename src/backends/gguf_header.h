#pragma once

#include <cstdint>
#include <filesystem>
#include <istream>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"

namespace headroom::backends {

/// An array in a GGUF header. Its elements are kept where they are whole numbers or booleans and
/// few (a figure for each layer); of others, as of a vocabulary, the length alone.
struct GgufList {
  std::uint64_t length = 0;
  std::vector<std::int64_t> whole;
};

using GgufValue = std::variant<std::int64_t, double, std::string, GgufList>;

/// A tensor as a header describes it.
struct GgufTensor {
  std::string name;
  std::vector<std::uint64_t> sides;  ///< fastest first, at most four
  std::uint32_t type = 0;            ///< see gguf_type_name
  std::uint64_t offset = 0;          ///< from where the data begin
  Bytes bytes;

  std::uint64_t elements() const;  ///< checked when it was read: does not overflow
};

/// What stands in a GGUF file before its data.
struct GgufHeader {
  std::uint32_t version = 0;
  std::map<std::string, GgufValue> values;  ///< whole numbers and booleans as std::int64_t
  std::vector<GgufTensor> tensors;
  std::uint64_t data_begin = 0;  ///< in the file

  /// A whole number from 0 to 2^32 - 1; empty: none of that name.
  std::optional<std::uint32_t> count(const std::string& key) const;
  /// As one line that a terminal takes, of 200 bytes at most.
  std::optional<std::string> text(const std::string& key) const;
  /// The list of that name; null: none.
  const GgufList* list(const std::string& key) const;
  Bytes weights() const;             ///< of all tensors
  std::uint64_t parameters() const;  ///< elements of all tensors; saturates
  /// Name of the type that holds most bytes: "Q4_K"; empty without tensors.
  std::string main_type() const;
};

/// Reads the header of GGUF version 2 or 3 and nothing behind it.
/// `size`: of the whole file. `name`: for messages.
/// Every length is compared with what is left of the file before anything is made for it; elements
/// of long arrays, and all texts of arrays, are passed over. Memory: at most 64 MiB are kept, of a
/// header of at most 256 MiB with 65,536 values and 262,144 tensors; texts beyond 1 MiB are
/// refused. Throws UsageError("E-GGUF") naming the place: another kind of file, another version or
/// byte order, cut off, beyond these bounds, a tensor outside the data, of the wrong size or named
/// twice. What the file says is told as one line that a terminal takes.
GgufHeader parse_gguf_header(std::istream& stream, std::uint64_t size, const std::string& name);

/// Of a file. Throws the same, and when it cannot be read.
GgufHeader read_gguf_header(const std::filesystem::path& file);

/// "F16", "Q4_K"; of a number that is not known "type 99".
std::string gguf_type_name(std::uint32_t type);

}  // namespace headroom::backends
