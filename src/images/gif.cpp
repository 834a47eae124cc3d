#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "bytes_view.h"
#include "codec.h"

namespace headroom::images {
namespace {

constexpr unsigned kMaxCodeBits = 12;
constexpr std::size_t kTableSize = 1U << kMaxCodeBits;

struct Palette {
  std::array<std::uint8_t, 768> rgb{};

  /// Grey values, which a picture without any palette has.
  static Palette grey() {
    Palette palette;
    for (std::size_t i = 0; i < palette.rgb.size(); ++i) {
      palette.rgb[i] = static_cast<std::uint8_t>(i / 3);
    }
    return palette;
  }
};

/// Screen, palette and place of the first frame.
struct Layout {
  std::uint32_t width = 0;  ///< the screen, enlarged to hold the frame, as in Pillow
  std::uint32_t height = 0;
  std::uint32_t left = 0;
  std::uint32_t top = 0;
  std::uint32_t frame_width = 0;
  std::uint32_t frame_height = 0;
  bool interlaced = false;
  std::optional<std::uint8_t> transparent;
  Palette palette = Palette::grey();
  std::size_t data = 0;  ///< offset of the code size, in front of the data blocks
};

[[noreturn]] void fail_end(const Source& source, std::string_view where) {
  fail_truncated(source, fmt::format("GIF ends after {} bytes, {}", source.bytes.size(), where));
}

/// Reads a palette behind `at` and returns the offset behind it.
std::size_t read_palette(const Source& source, std::size_t at, unsigned flags, Palette& palette) {
  const std::size_t size = std::size_t{3} << ((flags & 7U) + 1);
  const std::string_view bytes = BytesView(source.bytes).part(at, size);
  if (bytes.empty()) {
    fail_end(source, "in a palette");
  }
  palette = Palette{};
  std::memcpy(palette.rgb.data(), bytes.data(), size);
  return at + size;
}

/// Reads the extension whose label stands at `at`; returns the offset behind it.
std::size_t read_extension(const Source& source, std::size_t at, Layout& layout) {
  const BytesView view(source.bytes);
  if (!view.has(at, 2)) {
    fail_end(source, "in an extension");
  }
  const std::uint8_t label = view.u8(at++);
  const std::size_t first = view.u8(at);
  if (label == 0xF9 && first >= 4 && view.has(at + 1, 4) && (view.u8(at + 1) & 1U) != 0) {
    layout.transparent = view.u8(at + 4);
  }
  while (view.has(at, 1) && view.u8(at) != 0) {
    at += 1 + std::size_t{view.u8(at)};
  }
  return at + 1;
}

/// Reads the descriptor of the frame that begins at `at`.
void read_frame(const Source& source, std::size_t at, Layout& layout) {
  const BytesView view(source.bytes);
  if (!view.has(at, 9)) {
    fail_end(source, "in a frame's header");
  }
  layout.left = view.le16(at);
  layout.top = view.le16(at + 2);
  layout.frame_width = view.le16(at + 4);
  layout.frame_height = view.le16(at + 6);
  layout.width = std::max(layout.width, layout.left + layout.frame_width);
  layout.height = std::max(layout.height, layout.top + layout.frame_height);
  const unsigned flags = view.u8(at + 8);
  layout.interlaced = (flags & 64U) != 0;
  layout.data = at + 9;
  if ((flags & 128U) != 0) {
    layout.data = read_palette(source, layout.data, flags, layout.palette);
  }
}

Layout read_layout(const Source& source) {
  const BytesView view(source.bytes);
  if (!view.has(0, 13)) {
    fail_end(source, "in its header");
  }
  Layout layout;
  layout.width = view.le16(6);
  layout.height = view.le16(8);
  std::size_t at = 13;
  if (const unsigned flags = view.u8(10); (flags & 128U) != 0) {
    at = read_palette(source, at, flags, layout.palette);
  }
  while (view.has(at, 1)) {
    const std::uint8_t block = view.u8(at++);
    if (block == '!') {
      at = read_extension(source, at, layout);
    } else if (block == ',') {
      read_frame(source, at, layout);
      return layout;
    } else if (block == ';') {
      fail_broken(source, "GIF without a picture");
    }
  }
  fail_end(source, "before its first picture");
}

/// Rows of the frame in the order in which the file has them.
class RowOrder {
 public:
  RowOrder(std::uint32_t height, bool interlaced)
      : height_(height), step_(interlaced ? 8 : 1), pass_(interlaced ? 0 : 3) {}

  bool done() const { return row_ >= height_; }

  std::uint32_t row() const { return row_; }

  void advance() {
    constexpr std::array<std::uint32_t, 4> kStart = {0, 4, 2, 1};
    constexpr std::array<std::uint32_t, 4> kStep = {8, 8, 4, 2};
    row_ += step_;
    while (row_ >= height_ && pass_ < 3) {
      ++pass_;
      row_ = kStart[pass_];
      step_ = kStep[pass_];
    }
  }

 private:
  std::uint32_t height_;
  std::uint32_t row_ = 0;
  std::uint32_t step_;
  std::size_t pass_;
};

/// Writes pixels one after another into the frame's place.
class FrameWriter {
 public:
  FrameWriter(const Layout& layout, Image& image)
      : layout_(layout), image_(image), order_(layout.frame_height, layout.interlaced) {
    begin_row();
  }

  bool done() const { return order_.done(); }

  std::uint32_t row() const { return order_.row(); }

  void write(std::uint8_t index) {
    std::memcpy(target_, layout_.palette.rgb.data() + std::size_t{index} * 3, 3);
    target_ += 3;
    if (++x_ == layout_.frame_width) {
      order_.advance();
      begin_row();
    }
  }

 private:
  void begin_row() {
    x_ = 0;
    if (!order_.done()) {
      target_ = image_.rgb.data() +
                (std::size_t{layout_.top + order_.row()} * image_.width + layout_.left) * 3;
    }
  }

  const Layout& layout_;
  Image& image_;
  RowOrder order_;
  std::uint32_t x_ = 0;
  std::uint8_t* target_ = nullptr;
};

/// Codes of growing width out of data blocks of up to 255 bytes. A block counts only when it is
/// there whole, as in Pillow.
class CodeReader {
 public:
  CodeReader(BytesView view, std::size_t at) : view_(view), at_(at) {}

  /// Empty when the blocks end.
  std::optional<unsigned> next(unsigned bits) {
    while (count_ < bits) {
      if (left_ == 0) {
        if (!view_.has(at_, 1) || view_.u8(at_) == 0 || !view_.has(at_ + 1, view_.u8(at_))) {
          return std::nullopt;
        }
        left_ = view_.u8(at_++);
      }
      buffer_ |= std::uint32_t{view_.u8(at_++)} << count_;
      count_ += 8;
      --left_;
    }
    const unsigned code = buffer_ & ((1U << bits) - 1);
    buffer_ >>= bits;
    count_ -= bits;
    return code;
  }

 private:
  BytesView view_;
  std::size_t at_;
  std::size_t left_ = 0;
  std::uint32_t buffer_ = 0;
  unsigned count_ = 0;
};

/// GIF's variant of LZW. Rules where files differ are Pillow's (libImaging/GifDecode.c): a first
/// code above the clear code or a code beyond the next free one is an error; a full table stays.
class LzwDecoder {
 public:
  LzwDecoder(const Source& source, CodeReader reader, unsigned bits, FrameWriter& writer)
      : source_(source), reader_(reader), bits_(bits), clear_(1U << bits), writer_(writer) {
    reset();
  }

  void run() {
    while (!writer_.done()) {
      const auto code = reader_.next(width_);
      if (!code || *code == clear_ + 1) {
        fail_end(source_, fmt::format("in row {} of its picture", writer_.row()));
      }
      if (*code == clear_) {
        reset();
      } else if (fresh_) {
        first(*code);
      } else {
        following(*code);
      }
    }
  }

 private:
  void reset() {
    width_ = bits_ + 1;
    next_ = clear_ + 2;
    fresh_ = true;
  }

  void first(unsigned code) {
    if (code > clear_) {
      fail_broken(source_, fmt::format("GIF: code {} before any that defines it", code));
    }
    last_code_ = code;
    last_byte_ = static_cast<std::uint8_t>(code);
    fresh_ = false;
    writer_.write(last_byte_);
  }

  void following(unsigned code) {
    if (code > next_) {
      fail_broken(source_, fmt::format("GIF: code {} beyond the next free one, {}", code, next_));
    }
    std::size_t length = 0;
    unsigned rest = code;
    if (code == next_) {
      string_[length++] = last_byte_;
      rest = last_code_;
    }
    while (rest >= clear_) {
      if (length == string_.size() || rest >= kTableSize) {
        fail_broken(source_, "GIF: a string of codes that does not end");
      }
      string_[length++] = data_[rest];
      rest = link_[rest];
    }
    if (length == string_.size()) {
      fail_broken(source_, "GIF: a string of codes that does not end");
    }
    last_byte_ = static_cast<std::uint8_t>(rest);
    string_[length++] = last_byte_;
    add_entry();
    last_code_ = code;
    while (length > 0 && !writer_.done()) {
      writer_.write(string_[--length]);
    }
  }

  void add_entry() {
    if (next_ >= kTableSize) {
      return;
    }
    data_[next_] = last_byte_;
    link_[next_] = static_cast<std::uint16_t>(last_code_);
    if (next_ == (1U << width_) - 1 && width_ < kMaxCodeBits) {
      ++width_;
    }
    ++next_;
  }

  const Source& source_;
  CodeReader reader_;
  unsigned bits_;
  unsigned clear_;
  FrameWriter& writer_;
  unsigned width_ = 0;
  unsigned next_ = 0;
  bool fresh_ = true;
  unsigned last_code_ = 0;
  std::uint8_t last_byte_ = 0;
  std::array<std::uint8_t, kTableSize> data_{};
  std::array<std::uint16_t, kTableSize> link_{};
  std::array<std::uint8_t, kTableSize + 1> string_{};
};

}  // namespace

Probe probe_gif(const Source& source) {
  const Layout layout = read_layout(source);
  Probe probe;
  probe.width = layout.width;
  probe.height = layout.height;
  probe.working_bytes = sizeof(LzwDecoder);
  return probe;
}

void decode_gif(const Source& source, Image& image) {
  const Layout layout = read_layout(source);
  const BytesView view(source.bytes);
  if (!view.has(layout.data, 1)) {
    fail_end(source, "before its pixel data");
  }
  const unsigned bits = view.u8(layout.data);
  if (bits > kMaxCodeBits) {
    fail_broken(source, fmt::format("GIF: codes of {} bits; {} is the most", bits, kMaxCodeBits));
  }
  if (layout.frame_width != image.width || layout.frame_height != image.height) {
    // Outside the frame Pillow shows the transparent colour if there is one, else colour 0.
    const std::size_t background = layout.transparent.value_or(0);
    for (std::size_t i = 0; i < image.rgb.size(); i += 3) {
      std::memcpy(image.rgb.data() + i, layout.palette.rgb.data() + background * 3, 3);
    }
  }
  if (layout.frame_width == 0 || layout.frame_height == 0) {
    return;
  }
  FrameWriter writer(layout, image);
  LzwDecoder(source, CodeReader(view, layout.data + 1), bits, writer).run();
}

}  // namespace headroom::images
