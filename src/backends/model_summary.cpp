#include "backends/model_summary.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <optional>
#include <vector>

#include "base/errors.h"
#include "base/files.h"
#include "base/folder_entries.h"
#include "base/json.h"

namespace headroom::backends {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxText = 64ULL << 20U;

/// An object, or null when there is none to be read.
Json read_object(const fs::path& file) {
  try {
    Json json = parse_json(read_file(file, kMaxText), file.string());
    return json.is_object() ? json : Json();
  } catch (const Error&) {
    return {};
  }
}

std::vector<fs::path> weight_files(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const fs::directory_entry& entry : folder_entries(folder, error)) {
    const std::string extension = entry.path().extension().string();
    std::error_code ignored;
    if ((extension == ".safetensors" || extension == ".gguf") && entry.is_regular_file(ignored)) {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

/// The header's JSON: eight bytes say how long it is, lowest first.
Json read_header(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::array<unsigned char, 8> length_bytes{};
  stream.read(reinterpret_cast<char*>(length_bytes.data()), length_bytes.size());
  std::uint64_t length = 0;
  for (std::size_t i = length_bytes.size(); i-- > 0;) {
    length = length << 8U | length_bytes[i];
  }
  std::error_code error;
  if (!stream || length > kMaxText || length > fs::file_size(file, error)) {
    return {};
  }
  std::string text(static_cast<std::size_t>(length), '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  try {
    return stream ? parse_json(text, file.string()) : Json();
  } catch (const Error&) {
    return {};
  }
}

std::uint64_t stored_bytes(const Json& tensor) {
  const auto offsets = tensor.find("data_offsets");
  const bool fits = offsets != tensor.end() && offsets->is_array() && offsets->size() == 2 &&
                    offsets->at(0).is_number_unsigned() && offsets->at(1).is_number_unsigned();
  if (!fits) {
    return 0;
  }
  const auto begin = offsets->at(0).get<std::uint64_t>();
  const auto end = offsets->at(1).get<std::uint64_t>();
  return end > begin ? end - begin : 0;
}

std::string written_out(const std::string& dtype) {
  static const std::map<std::string, std::string> kNames = {
      {"F64", "float64"}, {"F32", "float32"}, {"F16", "float16"}, {"BF16", "bfloat16"}};
  const auto found = kNames.find(dtype);
  return found == kNames.end() ? dtype : found->second;
}

std::string main_dtype(const fs::path& file) {
  std::map<std::string, std::uint64_t> bytes;
  const Json header = read_header(file);
  for (const auto& [name, tensor] : header.items()) {
    const auto dtype = tensor.is_object() ? tensor.find("dtype") : tensor.end();
    if (name != "__metadata__" && dtype != tensor.end() && dtype->is_string()) {
      bytes[dtype->get<std::string>()] += stored_bytes(tensor);
    }
  }
  const auto most = std::max_element(
      bytes.begin(), bytes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == bytes.end() ? "" : written_out(most->first);
}

std::optional<std::int64_t> quantised_bits(const Json& config) {
  for (const char* key : {"quantization", "quantization_config"}) {
    const auto table = config.find(key);
    if (table == config.end() || !table->is_object()) {
      continue;
    }
    const auto bits = table->find("bits");
    if (bits != table->end() && bits->is_number_integer()) {
      return bits->get<std::int64_t>();
    }
  }
  return std::nullopt;
}

}  // namespace

Bytes weights_size(const fs::path& folder) {
  std::uint64_t size = 0;
  const std::vector<fs::path> files = weight_files(folder);
  for (const fs::path& file : files) {
    std::error_code error;
    const std::uintmax_t one = fs::file_size(file, error);
    size += error ? 0 : one;
  }
  if (files.empty()) {
    const Json index = read_object(folder / "model.safetensors.index.json");
    const auto metadata = index.is_object() ? index.find("metadata") : index.end();
    if (metadata != index.end() && metadata->is_object() && metadata->contains("total_size") &&
        metadata->at("total_size").is_number_unsigned()) {
      size = metadata->at("total_size").get<std::uint64_t>();
    }
  }
  return Bytes(size);
}

ModelSummary summarise_model(const fs::path& folder) {
  ModelSummary summary;
  summary.weights = weights_size(folder);
  const Json config = read_object(folder / "config.json");
  if (config.is_object()) {
    const auto type = config.find("model_type");
    if (type != config.end() && type->is_string()) {
      summary.family = type->get<std::string>();
    }
    if (const auto bits = quantised_bits(config)) {
      summary.dtype = std::to_string(*bits) + "-bit";
    }
  }
  for (const fs::path& file : weight_files(folder)) {
    if (summary.dtype.empty() && file.extension() == ".safetensors") {
      summary.dtype = main_dtype(file);
    }
  }
  return summary;
}

}  // namespace headroom::backends
