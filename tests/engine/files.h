#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

namespace headroom::engine::testing {

inline std::string length_prefix(std::uint64_t length) {
  std::string bytes(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) {
    bytes[i] = static_cast<char>((length >> (8 * i)) & 0xFFU);
  }
  return bytes;
}

inline void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

/// A safetensors file of this header and `data` zero bytes.
inline void write_safetensors(const std::filesystem::path& path,
                              const std::string& header,
                              std::size_t data) {
  write_bytes(path, length_prefix(header.size()) + header + std::string(data, '\0'));
}

}  // namespace headroom::engine::testing
