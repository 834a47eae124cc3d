#pragma once

#include <openssl/sha.h>

#include <array>
#include <cstddef>
#include <string>

namespace headroom::test {

/// 64 hexadecimal digits. References from elsewhere come with SHA-256; our own hashes do not.
inline std::string sha256(const void* data, std::size_t size) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(static_cast<const unsigned char*>(data), size, digest.data());
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const unsigned char byte : digest) {
    hex.push_back(kDigits[byte >> 4U]);
    hex.push_back(kDigits[byte & 15U]);
  }
  return hex;
}

}  // namespace headroom::test
