#include "engine/safetensors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <system_error>
#include <utility>

#include "base/bytes.h"
#include "base/errors.h"
#include "base/files.h"
#include "header_handler.h"

namespace headroom::engine {
namespace {

constexpr std::array<std::pair<std::string_view, std::uint64_t>, 17> kDtypes = {{
    {"BOOL", 1},
    {"U8", 1},
    {"I8", 1},
    {"F8_E4M3", 1},
    {"F8_E5M2", 1},
    {"F8_E8M0", 1},
    {"U16", 2},
    {"I16", 2},
    {"F16", 2},
    {"BF16", 2},
    {"U32", 4},
    {"I32", 4},
    {"F32", 4},
    {"C64", 8},
    {"U64", 8},
    {"I64", 8},
    {"F64", 8},
}};

[[noreturn]] void refuse(const std::string& where, const std::string& what) {
  throw UsageError("E-SAFETENSORS", where + ": " + what);
}

/// Bytes that dtype and shape ask for; refuses what does not fit into 64 bits.
std::uint64_t expected_bytes(const StoredTensor& tensor,
                             const std::string& name,
                             const std::string& where) {
  std::uint64_t bytes = stored_dtype_size(tensor.dtype);
  if (bytes == 0) {
    refuse(where, fmt::format("tensor '{}' has the unknown dtype '{}'", name, tensor.dtype));
  }
  for (const std::uint64_t side : tensor.shape) {
    if (side != 0 && bytes > UINT64_MAX / side) {
      refuse(
          where,
          fmt::format(
              "tensor '{}' of shape {} overflows any file", name, shape_to_string(tensor.shape)));
    }
    bytes *= side;
  }
  return bytes;
}

void check_tensor(const StoredTensor& tensor,
                  const std::string& name,
                  std::uint64_t data_bytes,
                  const std::string& where) {
  const std::uint64_t bytes = expected_bytes(tensor, name, where);
  if (tensor.begin > tensor.end || tensor.end > data_bytes) {
    refuse(where,
           fmt::format("tensor '{}' lies at bytes {} to {} of the data, which have {} bytes; the "
                       "file is damaged or cut short: fetch it again",
                       name,
                       tensor.begin,
                       tensor.end,
                       data_bytes));
  }
  if (tensor.bytes() != bytes) {
    refuse(where,
           fmt::format("tensor '{}' of shape {} and dtype {} needs {} bytes, its place has {}",
                       name,
                       shape_to_string(tensor.shape),
                       tensor.dtype,
                       bytes,
                       tensor.bytes()));
  }
}

/// Every byte of the data belongs to exactly one tensor.
void check_cover(const SafetensorsHeader& header, const std::string& where) {
  std::vector<std::pair<const StoredTensor*, const std::string*>> order;
  order.reserve(header.tensors.size());
  for (const auto& [name, tensor] : header.tensors) {
    order.emplace_back(&tensor, &name);
  }
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first->begin, a.first->end) < std::pair(b.first->begin, b.first->end);
  });
  std::uint64_t covered = 0;
  const std::string* before = nullptr;
  for (const auto& [tensor, name] : order) {
    if (tensor->begin < covered) {
      refuse(where,
             fmt::format("tensors '{}' and '{}' overlap at byte {} of the data",
                         *before,
                         *name,
                         tensor->begin));
    }
    if (tensor->begin > covered) {
      refuse(where,
             fmt::format("bytes {} to {} of the data belong to no tensor", covered, tensor->begin));
    }
    covered = tensor->end;
    before = name;
  }
  if (covered != header.data_bytes) {
    refuse(where,
           fmt::format("the tensors end at byte {} of the data, which have {} bytes",
                       covered,
                       header.data_bytes));
  }
}

/// The size that a Git LFS pointer stands for, as written; empty if it says none.
std::string lfs_size(std::string_view head) {
  const auto at = head.find("\nsize ");
  if (at == std::string_view::npos) {
    return {};
  }
  const auto from = at + 6;
  const auto to = std::min(head.find_first_not_of("0123456789", from), head.size());
  return std::string(head.substr(from, to - from));
}

/// Says what a file is that cannot be a safetensors file. `head`: its first bytes.
[[noreturn]] void refuse_file(const std::filesystem::path& path,
                              std::string_view head,
                              std::uint64_t file_bytes,
                              const std::string& otherwise) {
  const std::string what = describe_content(head);
  if (what == "a Git LFS pointer") {
    throw UsageError("E-WEIGHTS-FILE",
                     fmt::format("{}: a Git LFS pointer of {} bytes, not the file of {} bytes that "
                                 "it stands for; fetch it with: git lfs pull",
                                 path.string(),
                                 file_bytes,
                                 lfs_size(head)));
  }
  if (!what.empty()) {
    throw UsageError("E-WEIGHTS-FILE",
                     fmt::format("{}: {} ({} bytes), not a safetensors file; fetch it again",
                                 path.string(),
                                 what,
                                 file_bytes));
  }
  throw UsageError("E-WEIGHTS-FILE", fmt::format("{}: {}", path.string(), otherwise));
}

std::uint64_t little_endian(std::string_view eight) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    value |= std::uint64_t{static_cast<unsigned char>(eight[i])} << (8 * i);
  }
  return value;
}

/// The data must be as long as the farthest tensor says; anything shorter is a cut file.
void check_length(const std::filesystem::path& path,
                  const SafetensorsHeader& header,
                  std::uint64_t file_bytes) {
  std::uint64_t end = 0;
  for (const auto& [name, tensor] : header.tensors) {
    end = std::max(end, tensor.end);
  }
  const std::uint64_t present = file_bytes - header.data_start;
  if (end > present && end <= UINT64_MAX - header.data_start) {
    throw UsageError("E-WEIGHTS-FILE",
                     fmt::format("{}: cut short: {} bytes are here, its header promises {}; fetch "
                                 "it again",
                                 path.string(),
                                 file_bytes,
                                 header.data_start + end));
  }
}

}  // namespace

std::uint64_t StoredTensor::elements() const {
  std::uint64_t n = 1;
  for (const std::uint64_t side : shape) {
    n *= side;
  }
  return n;
}

std::uint64_t stored_dtype_size(std::string_view dtype) {
  for (const auto& [name, size] : kDtypes) {
    if (name == dtype) {
      return size;
    }
  }
  return 0;
}

std::string shape_to_string(const std::vector<std::uint64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

SafetensorsHeader parse_safetensors_header(std::string_view json,
                                           std::uint64_t data_bytes,
                                           const std::string& where) {
  SafetensorsHeader header = parse_header_json(json, where);
  header.data_bytes = data_bytes;
  for (const auto& [name, tensor] : header.tensors) {
    check_tensor(tensor, name, data_bytes, where);
  }
  check_cover(header, where);
  return header;
}

SafetensorsHeader read_safetensors_header(const std::filesystem::path& path) {
  std::error_code failure;
  const std::uint64_t file_bytes = std::filesystem::file_size(path, failure);
  if (failure) {
    throw UsageError("E-WEIGHTS-FILE", fmt::format("{}: {}", path.string(), failure.message()));
  }
  std::ifstream in(path, std::ios::binary);
  std::string head(static_cast<std::size_t>(std::min<std::uint64_t>(file_bytes, 512)), '\0');
  if (!in.read(head.data(), static_cast<std::streamsize>(head.size()))) {
    throw UsageError("E-WEIGHTS-FILE", fmt::format("{}: cannot be read", path.string()));
  }
  if (head.size() < 8) {
    refuse_file(path, head, file_bytes, fmt::format("cut short: {} bytes are here", file_bytes));
  }
  const std::uint64_t length = little_endian(head);
  if (length > kMaxHeaderBytes || length > file_bytes - 8) {
    refuse_file(path,
                head,
                file_bytes,
                fmt::format("its header claims {} bytes; the file has {} and {} are allowed: "
                            "damaged, cut short, or not a safetensors file; fetch it again",
                            length,
                            file_bytes,
                            kMaxHeaderBytes));
  }
  std::string json(static_cast<std::size_t>(length), '\0');
  in.clear();
  in.seekg(8);
  if (!in.read(json.data(), static_cast<std::streamsize>(json.size()))) {
    throw UsageError("E-WEIGHTS-FILE", fmt::format("{}: cannot be read", path.string()));
  }
  SafetensorsHeader probe = parse_header_json(json, path.string());
  probe.data_start = 8 + length;
  check_length(path, probe, file_bytes);
  SafetensorsHeader header =
      parse_safetensors_header(json, file_bytes - probe.data_start, path.string());
  header.data_start = probe.data_start;
  return header;
}

}  // namespace headroom::engine
