#include "engine/tensor_file.h"

#include <fmt/format.h>

#include <cstring>
#include <fstream>

#include "base/errors.h"
#include "convert.h"

namespace headroom::engine {
namespace {

template <typename T>
std::vector<std::int32_t> widen(const std::string& bytes) {
  std::vector<std::int32_t> values(bytes.size() / sizeof(T));
  for (std::size_t i = 0; i < values.size(); ++i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    if (static_cast<std::int64_t>(value) != static_cast<std::int32_t>(value)) {
      throw InputError("E-GOLDEN", fmt::format("the number {} exceeds 32 bits", value));
    }
    values[i] = static_cast<std::int32_t>(value);
  }
  return values;
}

}  // namespace

TensorFile::TensorFile(const std::filesystem::path& path) : path_(path) {
  try {
    header_ = read_safetensors_header(path);
  } catch (const UsageError& error) {
    throw InputError("E-GOLDEN", fmt::format("{}; expected a file in safetensors", error.what()));
  }
}

std::vector<std::string> TensorFile::names() const {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : header_.tensors) {
    names.push_back(name);
  }
  return names;
}

const StoredTensor& TensorFile::find(const std::string& name) const {
  const auto found = header_.tensors.find(name);
  if (found == header_.tensors.end()) {
    throw InputError("E-GOLDEN", fmt::format("{}: holds no tensor '{}'", path_.string(), name));
  }
  return found->second;
}

const std::vector<std::uint64_t>& TensorFile::shape(const std::string& name) const {
  return find(name).shape;
}

std::string TensorFile::read(const StoredTensor& tensor) const {
  std::string bytes(static_cast<std::size_t>(tensor.bytes()), '\0');
  std::ifstream in(path_, std::ios::binary);
  in.seekg(static_cast<std::streamoff>(header_.data_start + tensor.begin));
  if (!in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()))) {
    throw InputError("E-GOLDEN", path_.string() + ": cannot be read");
  }
  return bytes;
}

mx::array TensorFile::floats(const std::string& name) const {
  const StoredTensor& tensor = find(name);
  if (!convertible(tensor.dtype)) {
    throw InputError("E-GOLDEN",
                     fmt::format("{}: tensor '{}' is {}, F32, BF16 or F16 is wanted",
                                 path_.string(),
                                 name,
                                 tensor.dtype));
  }
  const std::string bytes = read(tensor);
  mx::Shape shape;
  for (const std::uint64_t side : tensor.shape) {
    shape.push_back(static_cast<int>(side));
  }
  std::vector<float> values(static_cast<std::size_t>(tensor.elements()));
  convert_elements(tensor.dtype,
                   bytes.data(),
                   mx::float32,
                   reinterpret_cast<char*>(values.data()),
                   values.size());
  return mx::array(values.data(), shape, mx::float32);
}

std::vector<std::int32_t> TensorFile::integers(const std::string& name) const {
  const StoredTensor& tensor = find(name);
  const std::string bytes = read(tensor);
  if (tensor.dtype == "I32") {
    return widen<std::int32_t>(bytes);
  }
  if (tensor.dtype == "I64") {
    return widen<std::int64_t>(bytes);
  }
  if (tensor.dtype == "U8" || tensor.dtype == "BOOL") {
    return widen<std::uint8_t>(bytes);
  }
  throw InputError(
      "E-GOLDEN",
      fmt::format(
          "{}: tensor '{}' is {}, whole numbers are wanted", path_.string(), name, tensor.dtype));
}

}  // namespace headroom::engine
