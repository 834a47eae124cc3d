#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <vector>

#include "bytes_view.h"
#include "codec.h"

namespace headroom::images {
namespace {

constexpr std::size_t kFileHeaderBytes = 14;

enum Compression : std::uint32_t { kRaw = 0, kRle8 = 1, kRle4 = 2, kBitFields = 3 };

struct Palette {
  std::array<std::uint8_t, 768> rgb{};
};

/// Where the three colours of a pixel of 16 or 32 bits lie.
struct Masks {
  std::uint32_t red = 0;
  std::uint32_t green = 0;
  std::uint32_t blue = 0;

  bool operator==(const Masks&) const = default;
};

struct Layout {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  bool top_down = false;
  unsigned bits = 0;
  std::uint32_t compression = kRaw;
  Masks masks;
  std::size_t data = 0;     ///< offset of the pixels
  std::size_t palette = 0;  ///< offset of the palette
  std::size_t entry = 4;    ///< bytes of a palette entry
  std::uint32_t colors = 0;

  std::size_t row_bytes() const {
    return static_cast<std::size_t>((std::uint64_t{width} * bits + 7) / 8);
  }

  std::size_t stride() const {
    return static_cast<std::size_t>(((std::uint64_t{width} * bits + 31) / 32) * 4);
  }

  std::uint32_t target_row(std::uint32_t y) const { return top_down ? y : height - 1 - y; }
};

[[noreturn]] void fail_end(const Source& source, std::string_view where) {
  fail_truncated(source, fmt::format("BMP ends after {} bytes, {}", source.bytes.size(), where));
}

void read_sizes(const Source& source, std::size_t header_bytes, Layout& layout) {
  const BytesView view(source.bytes);
  const std::size_t at = kFileHeaderBytes + 4;
  if (header_bytes == 12) {
    layout.width = view.le16(at);
    layout.height = view.le16(at + 2);
    layout.bits = view.le16(at + 6);
    layout.entry = 3;
  } else {
    layout.width = view.le32(at);
    layout.height = view.le32(at + 4);
    layout.top_down = (layout.height & 0x80000000U) != 0;
    if (layout.top_down) {
      layout.height = 0U - layout.height;
    }
    layout.bits = view.le16(at + 10);
    layout.compression = view.le32(at + 12);
    layout.colors = view.le32(at + 28);
  }
  if (layout.colors == 0 && layout.bits <= 8) {
    layout.colors = 1U << layout.bits;
  }
}

/// The layouts with masks that exist in the wild, as Pillow lists them. Returns whether it is one.
bool known_masks(const Layout& layout) {
  constexpr std::array<Masks, 2> k16 = {Masks{0xF800, 0x7E0, 0x1F}, Masks{0x7C00, 0x3E0, 0x1F}};
  constexpr std::array<Masks, 4> k32 = {Masks{0xFF0000, 0xFF00, 0xFF},
                                        Masks{0xFF000000, 0xFF0000, 0xFF00},
                                        Masks{0xFF000000, 0xFF00, 0xFF},
                                        Masks{0xFF, 0xFF00, 0xFF0000}};
  if (layout.bits == 16) {
    return std::find(k16.begin(), k16.end(), layout.masks) != k16.end();
  }
  if (layout.bits == 24) {
    return layout.masks == k32[0];
  }
  return std::find(k32.begin(), k32.end(), layout.masks) != k32.end();
}

/// Reads or supplies the masks; returns the offset behind them.
std::size_t read_masks(const Source& source, std::size_t header_bytes, Layout& layout) {
  const std::size_t end = kFileHeaderBytes + header_bytes;
  if (layout.compression != kBitFields) {
    layout.masks = layout.bits == 16 ? Masks{0x7C00, 0x3E0, 0x1F} : Masks{0xFF0000, 0xFF00, 0xFF};
    return end;
  }
  const BytesView view(source.bytes);
  const std::size_t at = kFileHeaderBytes + 40;
  if (!view.has(at, 12)) {
    fail_end(source, "in its colour masks");
  }
  layout.masks = {view.le32(at), view.le32(at + 4), view.le32(at + 8)};
  if (layout.bits == 32 && layout.masks == Masks{}) {
    layout.masks = {0xFF0000, 0xFF00, 0xFF};
  }
  if (layout.bits < 16 || !known_masks(layout)) {
    fail_unsupported(source,
                     fmt::format("BMP of {} bits with the colour masks {:X}, {:X}, {:X}",
                                 layout.bits,
                                 layout.masks.red,
                                 layout.masks.green,
                                 layout.masks.blue));
  }
  return std::max(end, at + 12);
}

Layout read_layout(const Source& source) {
  const BytesView view(source.bytes);
  if (!view.has(0, kFileHeaderBytes + 4)) {
    fail_end(source, "in its header");
  }
  const std::size_t header_bytes = view.le32(kFileHeaderBytes);
  constexpr std::array<std::size_t, 7> kKnown = {12, 40, 52, 56, 64, 108, 124};
  if (std::find(kKnown.begin(), kKnown.end(), header_bytes) == kKnown.end()) {
    fail_unsupported(source, fmt::format("BMP with a header of {} bytes", header_bytes));
  }
  if (!view.has(kFileHeaderBytes, header_bytes)) {
    fail_end(source, "in its header");
  }
  Layout layout;
  read_sizes(source, header_bytes, layout);
  constexpr std::array<unsigned, 6> kBits = {1, 4, 8, 16, 24, 32};
  if (std::find(kBits.begin(), kBits.end(), layout.bits) == kBits.end()) {
    fail_unsupported(source, fmt::format("BMP of {} bits a pixel", layout.bits));
  }
  const bool rle = (layout.compression == kRle8 && layout.bits == 8) ||
                   (layout.compression == kRle4 && layout.bits == 4);
  if (!rle && layout.compression != kRaw && layout.compression != kBitFields) {
    fail_unsupported(
        source, fmt::format("BMP of {} bits with compression {}", layout.bits, layout.compression));
  }
  layout.palette = read_masks(source, header_bytes, layout);
  layout.data = view.le32(10);
  if (layout.bits <= 8) {
    const std::size_t end = layout.palette + std::size_t{layout.colors} * layout.entry;
    // Some writers leave the palette out of the offset; Pillow counts it then.
    if (layout.data == 0 || layout.data == kFileHeaderBytes + header_bytes) {
      layout.data = end;
    }
  } else if (layout.data == 0) {
    layout.data = layout.palette;
  }
  return layout;
}

Palette read_palette(const Source& source, const Layout& layout) {
  if (layout.colors == 0 || layout.colors > 65536) {
    fail_broken(source, fmt::format("BMP with a palette of {} colours", layout.colors));
  }
  const BytesView view(source.bytes);
  Palette palette;
  const std::size_t entries = std::min<std::size_t>(layout.colors, std::size_t{1} << layout.bits);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::string_view entry = view.part(layout.palette + i * layout.entry, 3);
    if (entry.empty()) {
      fail_end(source, "in its palette");
    }
    for (std::size_t channel = 0; channel < 3; ++channel) {
      palette.rgb[i * 3 + channel] = static_cast<std::uint8_t>(entry[2 - channel]);
    }
  }
  return palette;
}

/// A field of a pixel spread over 0..255 as Pillow's unpackers do.
class Field {
 public:
  explicit Field(std::uint32_t mask) : mask_(mask) {
    while (((mask >> shift_) & 1U) == 0) {
      ++shift_;
    }
    most_ = mask >> shift_;
  }

  std::uint8_t operator()(std::uint32_t pixel) const {
    return static_cast<std::uint8_t>(((pixel & mask_) >> shift_) * 255U / most_);
  }

 private:
  std::uint32_t mask_;
  unsigned shift_ = 0;
  std::uint32_t most_ = 255;
};

void convert_masked(const BytesView& row, const Layout& layout, std::uint8_t* rgb) {
  const Field red(layout.masks.red);
  const Field green(layout.masks.green);
  const Field blue(layout.masks.blue);
  const std::size_t bytes = layout.bits / 8;
  for (std::size_t x = 0; x < layout.width; ++x, rgb += 3) {
    const std::size_t at = x * bytes;
    std::uint32_t pixel = row.le16(at);
    if (bytes >= 3) {
      pixel |= std::uint32_t{row.u8(at + 2)} << 16U;
    }
    if (bytes == 4) {
      pixel |= std::uint32_t{row.u8(at + 3)} << 24U;
    }
    rgb[0] = red(pixel);
    rgb[1] = green(pixel);
    rgb[2] = blue(pixel);
  }
}

void convert_indexed(const BytesView& row,
                     const Layout& layout,
                     const Palette& palette,
                     std::uint8_t* rgb) {
  const unsigned mask = (1U << layout.bits) - 1;
  const unsigned per_byte = 8 / layout.bits;
  for (std::uint32_t x = 0; x < layout.width; ++x, rgb += 3) {
    const unsigned shift = 8 - layout.bits - (x % per_byte) * layout.bits;
    const std::size_t index = (unsigned{row.u8(x / per_byte)} >> shift) & mask;
    std::memcpy(rgb, palette.rgb.data() + index * 3, 3);
  }
}

void decode_raw(const Source& source, const Layout& layout, Image& image) {
  const BytesView view(source.bytes);
  const Palette palette = layout.bits <= 8 ? read_palette(source, layout) : Palette{};
  for (std::uint32_t y = 0; y < layout.height; ++y) {
    // The last row's padding may be missing.
    const std::size_t at = layout.data + y * layout.stride();
    if (!view.has(at, layout.row_bytes())) {
      fail_end(source, fmt::format("in row {} of {}", y, layout.height));
    }
    const BytesView row(view.part(at, layout.row_bytes()));
    std::uint8_t* rgb = image.rgb.data() + std::size_t{layout.target_row(y)} * layout.width * 3;
    if (layout.bits <= 8) {
      convert_indexed(row, layout, palette, rgb);
    } else {
      convert_masked(row, layout, rgb);
    }
  }
}

/// Run-length coded pixels; what the code skips has colour 0.
class RleDecoder {
 public:
  RleDecoder(const Source& source, const Layout& layout, Image& image)
      : source_(source),
        view_(source.bytes),
        layout_(layout),
        image_(image),
        palette_(read_palette(source, layout)),
        at_(layout.data) {}

  void run() {
    for (std::size_t i = 0; i < image_.rgb.size(); i += 3) {
      std::memcpy(image_.rgb.data() + i, palette_.rgb.data(), 3);
    }
    while (y_ < layout_.height) {
      const std::size_t count = next();
      const std::uint8_t value = next();
      if (count > 0) {
        for (std::size_t i = 0; i < count; ++i) {
          put(nibbles() ? (i % 2 == 0 ? value >> 4U : value & 15U) : value);
        }
      } else if (value == 1) {
        return;
      } else {
        escape(value);
      }
    }
  }

 private:
  bool nibbles() const { return layout_.compression == kRle4; }

  std::uint8_t next() {
    if (!view_.has(at_, 1)) {
      // The end-of-picture code may be missing behind the last row only.
      fail_end(source_, fmt::format("in row {} of {}", y_, layout_.height));
    }
    return view_.u8(at_++);
  }

  void put(unsigned index) {
    if (x_ >= layout_.width) {
      return;  // too much data for the row
    }
    const std::size_t pixel = std::size_t{layout_.target_row(y_)} * layout_.width + x_;
    std::memcpy(image_.rgb.data() + pixel * 3, palette_.rgb.data() + std::size_t{index} * 3, 3);
    if (++x_ == layout_.width && y_ + 1 == layout_.height) {
      ++y_;
    }
  }

  void escape(std::uint8_t value) {
    if (value == 0) {
      x_ = 0;
      ++y_;
    } else if (value == 2) {
      x_ = std::min(layout_.width, x_ + next());
      y_ += next();
    } else {
      literal(value);
    }
  }

  void literal(std::size_t count) {
    const std::size_t bytes = nibbles() ? (count + 1) / 2 : count;
    const std::string_view run = view_.part(at_, bytes);
    if (run.size() != bytes) {
      fail_end(source_, fmt::format("in row {} of {}", y_, layout_.height));
    }
    for (std::size_t i = 0; i < count && y_ < layout_.height; ++i) {
      const auto byte = static_cast<std::uint8_t>(run[nibbles() ? i / 2 : i]);
      put(nibbles() ? (i % 2 == 0 ? byte >> 4U : byte & 15U) : byte);
    }
    at_ += bytes + bytes % 2;
  }

  const Source& source_;
  BytesView view_;
  const Layout& layout_;
  Image& image_;
  Palette palette_;
  std::size_t at_;
  std::uint32_t x_ = 0;
  std::uint32_t y_ = 0;
};

}  // namespace

Probe probe_bmp(const Source& source) {
  const Layout layout = read_layout(source);
  Probe probe;
  probe.width = layout.width;
  probe.height = layout.height;
  probe.working_bytes = 1U << 12U;
  return probe;
}

void decode_bmp(const Source& source, Image& image) {
  const Layout layout = read_layout(source);
  if (layout.compression == kRle8 || layout.compression == kRle4) {
    RleDecoder(source, layout, image).run();
  } else {
    decode_raw(source, layout, image);
  }
}

}  // namespace headroom::images
