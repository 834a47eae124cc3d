#include "base/base64.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/errors.h"

namespace headroom {

namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kSpace = 0xFE;
constexpr std::uint8_t kForeign = 0xFF;

constexpr std::array<std::uint8_t, 256> make_values() {
  std::array<std::uint8_t, 256> values{};
  values.fill(kForeign);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  values[static_cast<unsigned char>('-')] = 62;
  values[static_cast<unsigned char>('_')] = 63;
  for (const char c : {' ', '\t', '\r', '\n', '\f', '\v'}) {
    values[static_cast<unsigned char>(c)] = kSpace;
  }
  return values;
}

constexpr std::array<std::uint8_t, 256> kValues = make_values();

/// Length of a `data:…;base64,` prefix, white space before it included; 0 without one.
std::size_t prefix_length(std::string_view text) {
  const std::size_t start = text.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos || !text.substr(start).starts_with("data:")) {
    return 0;
  }
  const std::size_t comma = text.find(',', start);
  return comma == std::string_view::npos ? 0 : comma + 1;
}

}  // namespace

std::string encode_base64(std::string_view data) {
  std::string out;
  out.reserve((data.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < data.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, data.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = (group << 8U) | (k < count ? static_cast<unsigned char>(data[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      out.push_back(k <= count ? kAlphabet[(group >> (18U - 6U * k)) & 0x3FU] : '=');
    }
  }
  return out;
}

std::string decode_base64(std::string_view text,
                          const std::string& where,
                          const std::string& code) {
  std::string out;
  out.reserve(text.size() / 4 * 3 + 3);
  std::uint32_t bits = 0;
  std::size_t digits = 0;
  bool padded = false;
  for (std::size_t i = prefix_length(text); i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const std::uint8_t value = kValues[byte];
    if (value == kSpace) {
      continue;
    }
    if (byte == '=') {
      padded = true;
      continue;
    }
    if (value == kForeign || padded) {
      throw InputError(
          code,
          fmt::format("{}: not base64: {} at byte {}",
                      where,
                      padded ? "more text after the padding" : fmt::format("0x{:02x}", byte),
                      i));
    }
    bits = (bits << 6U) | value;
    ++digits;
    if (digits % 4 == 0) {
      out.push_back(static_cast<char>((bits >> 16U) & 0xFFU));
      out.push_back(static_cast<char>((bits >> 8U) & 0xFFU));
      out.push_back(static_cast<char>(bits & 0xFFU));
      bits = 0;
    }
  }
  const std::size_t rest = digits % 4;
  if (rest == 1) {
    throw InputError(
        code,
        fmt::format("{}: not base64: cut off, {} digits is no possible length", where, digits));
  }
  if (rest >= 2) {
    bits <<= 6U * (4 - rest);
    out.push_back(static_cast<char>((bits >> 16U) & 0xFFU));
  }
  if (rest == 3) {
    out.push_back(static_cast<char>((bits >> 8U) & 0xFFU));
  }
  return out;
}

}  // namespace headroom
