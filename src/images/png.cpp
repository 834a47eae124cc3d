#include <fmt/format.h>
#include <spng.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "bytes_view.h"
#include "codec.h"
#include "png_chunks.h"

namespace headroom::images {
namespace {

enum ColorType : std::uint8_t { kGrey = 0, kRgb = 2, kPalette = 3, kGreyAlpha = 4, kRgba = 6 };

struct Ihdr {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  unsigned bits = 8;
  std::uint8_t color = kRgb;
  bool interlaced = false;

  unsigned channels() const {
    switch (color) {
      case kRgb:
        return 3;
      case kGreyAlpha:
        return 2;
      case kRgba:
        return 4;
      default:
        return 1;
    }
  }

  std::size_t row_bytes() const {
    return static_cast<std::size_t>((std::uint64_t{width} * channels() * bits + 7) / 8);
  }
};

Ihdr read_ihdr(const Source& source) {
  const BytesView view(source.bytes);
  if (!view.has(0, kHeaderEnd)) {
    fail_truncated(source, fmt::format("PNG ends after {} bytes, in its header", view.size()));
  }
  if (!view.starts_with(12, "IHDR") || view.be32(kSignatureBytes) != 13) {
    fail_broken(source, "PNG does not begin with a header chunk");
  }
  const auto header = chunk_at(view, kSignatureBytes);
  if (!header || !has_its_checksum(view, *header)) {
    fail_broken(source, "PNG: its header has not the checksum that it names");
  }
  Ihdr ihdr;
  ihdr.width = view.be32(16);
  ihdr.height = view.be32(20);
  ihdr.bits = view.u8(24);
  ihdr.color = view.u8(25);
  ihdr.interlaced = view.u8(28) != 0;
  const bool deep = ihdr.bits == 8 || ihdr.bits == 16;
  const bool shallow = ihdr.bits == 1 || ihdr.bits == 2 || ihdr.bits == 4;
  const bool possible =
      ihdr.color == kGrey ? deep || shallow
      : ihdr.color == kPalette
          ? ihdr.bits == 8 || shallow
          : (ihdr.color == kRgb || ihdr.color == kGreyAlpha || ihdr.color == kRgba) && deep;
  if (!possible || view.u8(28) > 1) {
    fail_broken(source,
                fmt::format("PNG with {} bits, colour type {} and interlace method {}",
                            ihdr.bits,
                            ihdr.color,
                            view.u8(28)));
  }
  return ihdr;
}

struct Palette {
  std::array<std::uint8_t, 768> rgb{};
};

/// The chunks that make pixels, handed to the decoder as a file of their own: header, palette, the
/// first run of IDATs, end. What else a file holds (text, profiles, broken ancillary chunks) can
/// then neither cost memory nor spoil the picture, and a last chunk that is cut gives all it has.
class PixelChunks {
 public:
  PixelChunks(const Source& source, const Ihdr& ihdr) {
    const BytesView view(source.bytes);
    pieces_.emplace_back(source.bytes.substr(0, kHeaderEnd));
    bool in_data = false;
    for (auto chunk = chunk_at(view, kHeaderEnd); chunk; chunk = chunk_at(view, chunk->next)) {
      if (chunk->type == "IDAT") {
        in_data = true;
        add_chunk("IDAT", chunk->body);
        data_.push_back(chunk->body);
        intact_ = intact_ && has_its_checksum(view, *chunk);
      } else if (in_data || chunk->type == "IEND") {
        break;
      } else if (chunk->type == "PLTE" && ihdr.color == kPalette) {
        if (!has_its_checksum(view, *chunk)) {
          fail_broken(source, "PNG: its palette has not the checksum that it names");
        }
        read_palette(chunk->body);
      }
    }
    if (!in_data) {
      fail_truncated(source, fmt::format("PNG without pixel data in its {} bytes", view.size()));
    }
    if (ihdr.color == kPalette && !has_palette_) {
      fail_broken(source, "PNG with palette colours and no palette");
    }
    add_chunk("IEND", {});
  }

  const Palette& palette() const { return palette_; }

  /// Whether every chunk of pixel data is whole and has the checksum that it names.
  bool intact() const { return intact_; }

  /// The compressed pixel data.
  const std::vector<std::string_view>& data() const { return data_; }

  /// The decoder's reader: 0, or SPNG_IO_EOF when there is no more.
  int read(void* target, std::size_t length) {
    auto* to = static_cast<char*>(target);
    while (length > 0) {
      if (piece_ == pieces_.size()) {
        return SPNG_IO_EOF;
      }
      const std::string_view piece = view_of(pieces_[piece_]).substr(offset_);
      const std::size_t step = std::min(length, piece.size());
      std::memcpy(to, piece.data(), step);
      to += step;
      length -= step;
      offset_ += step;
      if (step == piece.size()) {
        ++piece_;
        offset_ = 0;
      }
    }
    return 0;
  }

 private:
  /// A part of the file, or eight bytes of our own.
  struct Piece {
    explicit Piece(std::string_view view) : bytes(view) {}

    std::string_view bytes;
    std::array<char, 12> own{};
    std::size_t own_size = 0;
  };

  static std::string_view view_of(const Piece& piece) {
    return piece.own_size > 0 ? std::string_view(piece.own.data(), piece.own_size) : piece.bytes;
  }

  void add_own(std::string_view bytes) {
    Piece& piece = pieces_.emplace_back(std::string_view{});
    std::copy(bytes.begin(), bytes.end(), piece.own.begin());
    piece.own_size = bytes.size();
  }

  void add_chunk(std::string_view type, std::string_view body) {
    std::array<char, 8> head{};
    for (unsigned i = 0; i < 4; ++i) {
      head[i] = static_cast<char>((body.size() >> (24 - 8 * i)) & 0xFFU);
      head[4 + i] = type[i];
    }
    add_own({head.data(), head.size()});
    if (!body.empty()) {
      pieces_.emplace_back(body);
    }
    add_own({"\0\0\0\0", 4});  // the CRC, which is not looked at
  }

  void read_palette(std::string_view body) {
    has_palette_ = true;
    const std::size_t size = std::min(body.size() - body.size() % 3, palette_.rgb.size());
    std::memcpy(palette_.rgb.data(), body.data(), size);
    // The decoder insists on a palette that fits; ours is looked up outside it.
    add_chunk("PLTE", body.substr(0, 3));
  }

  std::vector<std::string_view> data_;
  bool intact_ = true;
  std::vector<Piece> pieces_;
  std::size_t piece_ = 0;
  std::size_t offset_ = 0;
  Palette palette_;
  bool has_palette_ = false;
};

/// Pillow looks at the checksum inside the compressed data and not at those of the chunks. Our
/// decoder looks at neither, so where a chunk is not intact the data are unpacked once more for
/// it. A stream that is only cut has none, and passes.
void check_stream(const Source& source, const Ihdr& ihdr, const PixelChunks& chunks) {
  // The seven passes of an interlaced picture have at most twice as many rows.
  const std::uint64_t most = (std::uint64_t{ihdr.row_bytes()} + 1) * ihdr.height * 2;
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) {
    throw std::bad_alloc();
  }
  std::vector<Bytef> sink(1U << 16U);
  std::uint64_t total = 0;
  int result = Z_OK;
  for (const std::string_view piece : chunks.data()) {
    stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(piece.data()));
    stream.avail_in = static_cast<uInt>(piece.size());
    while (result == Z_OK && stream.avail_in > 0 && total <= most) {
      stream.next_out = sink.data();
      stream.avail_out = static_cast<uInt>(sink.size());
      result = inflate(&stream, Z_NO_FLUSH);
      total += sink.size() - stream.avail_out;
    }
  }
  inflateEnd(&stream);
  if (result == Z_DATA_ERROR) {
    fail_broken(source, "PNG: its pixel data do not have the checksum that they name");
  }
}

int read_callback(spng_ctx* /*ctx*/, void* user, void* target, std::size_t length) {
  return static_cast<PixelChunks*>(user)->read(target, length);
}

std::uint8_t high_byte_or_clip(const std::uint8_t* sample, Grey16 rule) {
  return rule == Grey16::kHighByte || sample[0] == 0
             ? (rule == Grey16::kHighByte ? sample[0] : sample[1])
             : std::uint8_t{255};
}

/// Samples of less than a byte, unpacked to one byte each.
void unpack(const std::uint8_t* row, unsigned bits, std::uint32_t width, std::uint8_t* samples) {
  const unsigned mask = (1U << bits) - 1;
  const unsigned per_byte = 8 / bits;
  for (std::uint32_t x = 0; x < width; ++x) {
    const unsigned shift = 8 - bits - (x % per_byte) * bits;
    samples[x] = static_cast<std::uint8_t>((row[x / per_byte] >> shift) & mask);
  }
}

/// One row of the file's own samples (16-bit ones big-endian) as RGB.
class RowConverter {
 public:
  RowConverter(const Ihdr& ihdr, const Palette& palette, Grey16 grey16)
      : ihdr_(ihdr), palette_(palette), grey16_(grey16), samples_(ihdr.width) {}

  void convert(const std::uint8_t* row, std::uint8_t* rgb) {
    if (ihdr_.bits < 8) {
      unpack(row, ihdr_.bits, ihdr_.width, samples_.data());
      row = samples_.data();
    }
    const std::size_t bytes = ihdr_.bits == 16 ? 2 : 1;
    const std::size_t step = bytes * ihdr_.channels();
    const unsigned full = ihdr_.bits < 8 ? 255U / ((1U << ihdr_.bits) - 1) : 1U;
    switch (ihdr_.color) {
      case kGrey:
        for (std::uint32_t x = 0; x < ihdr_.width; ++x, row += step, rgb += 3) {
          const std::uint8_t value = bytes == 2 ? high_byte_or_clip(row, grey16_)
                                                : static_cast<std::uint8_t>(row[0] * full);
          std::memset(rgb, value, 3);
        }
        break;
      case kGreyAlpha:
        for (std::uint32_t x = 0; x < ihdr_.width; ++x, row += step, rgb += 3) {
          std::memset(rgb, row[0], 3);
        }
        break;
      case kPalette:
        for (std::uint32_t x = 0; x < ihdr_.width; ++x, row += step, rgb += 3) {
          std::memcpy(rgb, palette_.rgb.data() + std::size_t{row[0]} * 3, 3);
        }
        break;
      default:  // RGB and RGBA
        for (std::uint32_t x = 0; x < ihdr_.width; ++x, row += step, rgb += 3) {
          rgb[0] = row[0];
          rgb[1] = row[bytes];
          rgb[2] = row[2 * bytes];
        }
    }
  }

 private:
  const Ihdr& ihdr_;
  const Palette& palette_;
  Grey16 grey16_;
  std::vector<std::uint8_t> samples_;
};

struct FreeContext {
  void operator()(spng_ctx* context) const { spng_ctx_free(context); }
};

using Context = std::unique_ptr<spng_ctx, FreeContext>;

Context open(PixelChunks& chunks) {
  Context context(spng_ctx_new(0));
  if (!context) {
    throw std::bad_alloc();
  }
  spng_set_crc_action(context.get(), SPNG_CRC_USE, SPNG_CRC_USE);
  spng_set_png_stream(context.get(), read_callback, &chunks);
  return context;
}

[[noreturn]] void fail(const Source& source, int error, std::uint32_t row, std::uint32_t height) {
  if (error == SPNG_EMEM) {
    throw std::bad_alloc();
  }
  if (error == SPNG_IO_EOF || error == SPNG_EIDAT_TOO_SHORT) {
    fail_truncated(source, fmt::format("PNG's pixel data end in row {} of {}", row, height));
  }
  fail_broken(source, fmt::format("PNG, row {} of {}: {}", row, height, spng_strerror(error)));
}

void decode_rows(const Source& source,
                 const Ihdr& ihdr,
                 spng_ctx* context,
                 RowConverter& converter,
                 Image& image) {
  int error = spng_decode_image(context, nullptr, 0, SPNG_FMT_RAW, SPNG_DECODE_PROGRESSIVE);
  if (error != 0) {
    fail(source, error, 0, ihdr.height);
  }
  std::vector<std::uint8_t> row(ihdr.row_bytes());
  for (std::uint32_t y = 0; y < ihdr.height; ++y) {
    error = spng_decode_row(context, row.data(), row.size());
    if (error != 0 && error != SPNG_EOI) {
      fail(source, error, y, ihdr.height);
    }
    converter.convert(row.data(), image.rgb.data() + std::size_t{y} * ihdr.width * 3);
  }
}

/// The seven passes meet in a picture of the file's own samples.
void decode_interlaced(const Source& source,
                       const Ihdr& ihdr,
                       spng_ctx* context,
                       RowConverter& converter,
                       Image& image) {
  std::vector<std::uint8_t> samples(ihdr.row_bytes() * ihdr.height);
  const int error = spng_decode_image(context, samples.data(), samples.size(), SPNG_FMT_RAW, 0);
  if (error != 0) {
    fail(source, error, 0, ihdr.height);
  }
  for (std::uint32_t y = 0; y < ihdr.height; ++y) {
    converter.convert(samples.data() + y * ihdr.row_bytes(),
                      image.rgb.data() + std::size_t{y} * ihdr.width * 3);
  }
}

}  // namespace

Probe probe_png(const Source& source) {
  const Ihdr ihdr = read_ihdr(source);
  Probe probe;
  probe.width = ihdr.width;
  probe.height = ihdr.height;
  probe.orientation = png_orientation(BytesView(source.bytes));
  const std::uint64_t row = ihdr.row_bytes();
  probe.working_bytes = (ihdr.interlaced ? row * ihdr.height : 0) + row * 4 + (1U << 18U);
  return probe;
}

void decode_png(const Source& source,
                Grey16 grey16,
                Image& image,
                std::vector<std::string>& notices) {
  const Ihdr ihdr = read_ihdr(source);
  PixelChunks chunks(source, ihdr);
  const Context context = open(chunks);
  RowConverter converter(ihdr, chunks.palette(), grey16);
  if (ihdr.interlaced) {
    decode_interlaced(source, ihdr, context.get(), converter, image);
  } else {
    decode_rows(source, ihdr, context.get(), converter, image);
  }
  if (!chunks.intact()) {
    check_stream(source, ihdr, chunks);
  }
  if (ihdr.color == kGrey && ihdr.bits == 16) {
    notices.emplace_back(grey16 == Grey16::kClip ? "16-bit grey: clipped to 8 bits as Pillow does"
                                                 : "16-bit grey: reduced to its high byte");
  }
}

}  // namespace headroom::images
