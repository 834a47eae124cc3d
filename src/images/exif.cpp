#include "exif.h"

#include "bytes_view.h"

namespace headroom::images {
namespace {

constexpr std::uint16_t kOrientationTag = 0x0112;
constexpr std::uint16_t kTypeShort = 3;
constexpr std::uint16_t kTypeLong = 4;
constexpr std::size_t kEntryBytes = 12;

class TiffBlock {
 public:
  explicit TiffBlock(std::string_view bytes) : bytes_(bytes), little_(bytes.substr(0, 2) == "II") {}

  bool valid() const {
    return (bytes_.starts_with(0, "II") || bytes_.starts_with(0, "MM")) && bytes_.has(0, 8) &&
           u16(2) == 42;
  }

  bool has(std::size_t offset, std::size_t length) const { return bytes_.has(offset, length); }

  std::uint16_t u16(std::size_t offset) const {
    return little_ ? bytes_.le16(offset) : bytes_.be16(offset);
  }

  std::uint32_t u32(std::size_t offset) const {
    return little_ ? bytes_.le32(offset) : bytes_.be32(offset);
  }

 private:
  BytesView bytes_;
  bool little_;
};

std::optional<int> entry_orientation(const TiffBlock& tiff, std::size_t entry) {
  if (tiff.u16(entry) != kOrientationTag || tiff.u32(entry + 4) != 1) {
    return std::nullopt;
  }
  const std::uint16_t type = tiff.u16(entry + 2);
  std::uint32_t value = 0;
  if (type == kTypeShort) {
    value = tiff.u16(entry + 8);
  } else if (type == kTypeLong) {
    value = tiff.u32(entry + 8);
  }
  // A tag that is there and says nonsense still silences XMP, as in Pillow.
  return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
}

}  // namespace

std::optional<int> exif_orientation(std::string_view block) {
  constexpr std::string_view kPrefix("Exif\0\0", 6);
  while (block.substr(0, kPrefix.size()) == kPrefix) {
    block.remove_prefix(kPrefix.size());
  }
  const TiffBlock tiff(block);
  if (!tiff.valid()) {
    return std::nullopt;
  }
  const std::size_t directory = tiff.u32(4);
  if (!tiff.has(directory, 2)) {
    return std::nullopt;
  }
  const std::size_t entries = tiff.u16(directory);
  std::optional<int> found;
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + i * kEntryBytes;
    if (!tiff.has(entry, kEntryBytes)) {
      break;
    }
    if (const auto value = entry_orientation(tiff, entry)) {
      found = value;  // the last of several, as in Pillow
    }
  }
  return found;
}

std::optional<int> xmp_orientation(std::string_view packet) {
  constexpr std::string_view kName = "tiff:Orientation";
  for (std::size_t at = packet.find(kName); at != std::string_view::npos;
       at = packet.find(kName, at + 1)) {
    std::string_view rest = packet.substr(at + kName.size());
    if (rest.substr(0, 2) == "=\"") {
      rest.remove_prefix(2);
    } else if (rest.substr(0, 1) == ">") {
      rest.remove_prefix(1);
    } else {
      continue;
    }
    if (!rest.empty() && rest[0] >= '0' && rest[0] <= '9') {
      const int value = rest[0] - '0';
      return value >= 1 && value <= 8 ? value : 1;
    }
  }
  return std::nullopt;
}

int choose_orientation(std::optional<int> exif, std::optional<int> xmp) {
  return exif ? *exif : xmp.value_or(1);
}

}  // namespace headroom::images
