#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace headroom::images {

/// Bounds-checked reads from a file held in memory; nothing outside is ever touched.
class BytesView {
 public:
  explicit BytesView(std::string_view bytes) : bytes_(bytes) {}

  std::size_t size() const { return bytes_.size(); }

  bool has(std::size_t offset, std::size_t length) const {
    return offset <= bytes_.size() && length <= bytes_.size() - offset;
  }

  /// Empty when it reaches past the end.
  std::string_view part(std::size_t offset, std::size_t length) const {
    return has(offset, length) ? bytes_.substr(offset, length) : std::string_view{};
  }

  bool starts_with(std::size_t offset, std::string_view text) const {
    return has(offset, text.size()) && bytes_.substr(offset, text.size()) == text;
  }

  /// Requires: has(offset, 1), and so on.
  std::uint8_t u8(std::size_t offset) const { return static_cast<std::uint8_t>(bytes_[offset]); }

  std::uint16_t le16(std::size_t offset) const {
    return static_cast<std::uint16_t>(u8(offset) | (u8(offset + 1) << 8));
  }

  std::uint16_t be16(std::size_t offset) const {
    return static_cast<std::uint16_t>((u8(offset) << 8) | u8(offset + 1));
  }

  std::uint32_t le32(std::size_t offset) const {
    return le16(offset) | (std::uint32_t{le16(offset + 2)} << 16U);
  }

  std::uint32_t be32(std::size_t offset) const {
    return (std::uint32_t{be16(offset)} << 16U) | be16(offset + 2);
  }

 private:
  std::string_view bytes_;
};

}  // namespace headroom::images
