#include <fmt/format.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <optional>
#include <vector>

// jpeglib.h needs size_t and FILE before it.
#include <jerror.h>
#include <jpeglib.h>

#include "bytes_view.h"
#include "codec.h"
#include "exif.h"

namespace headroom::images {
namespace {

constexpr std::uint8_t kSoi = 0xD8;
constexpr std::uint8_t kEoi = 0xD9;
constexpr std::uint8_t kSos = 0xDA;
constexpr std::uint8_t kApp1 = 0xE1;
constexpr std::string_view kExifPrefix("Exif\0\0", 6);
constexpr std::string_view kXmpPrefix("http://ns.adobe.com/xap/1.0/\0", 29);
/// Real progressive files have about ten scans; a small file can claim thousands, each of which
/// walks over the whole picture.
constexpr int kMaxScans = 500;

bool is_frame_header(std::uint8_t marker) {
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

bool stands_alone(std::uint8_t marker) {
  return marker == 0x01 || (marker >= 0xD0 && marker <= kSoi);
}

/// What the marker segments before the first scan say.
struct Markers {
  bool has_frame = false;
  std::uint8_t frame = 0;  ///< 0xC0 baseline … 0xC2 progressive …
  std::uint8_t precision = 8;
  std::uint8_t components = 3;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::optional<int> exif;
  std::optional<int> xmp;
};

void read_segment(std::uint8_t marker, std::string_view body, Markers& markers) {
  const BytesView view(body);
  if (is_frame_header(marker) && view.has(0, 6)) {
    markers.has_frame = true;
    markers.frame = marker;
    markers.precision = view.u8(0);
    markers.height = view.be16(1);
    markers.width = view.be16(3);
    markers.components = view.u8(5);
  } else if (marker == kApp1 && view.starts_with(0, kExifPrefix)) {
    if (!markers.exif) {
      markers.exif = exif_orientation(body);
    }
  } else if (marker == kApp1 && view.starts_with(0, kXmpPrefix)) {
    markers.xmp = xmp_orientation(body.substr(kXmpPrefix.size()));
  }
}

Markers read_markers(const Source& source) {
  const BytesView view(source.bytes);
  Markers markers;
  std::size_t at = 2;  // behind SOI
  while (view.has(at, 2)) {
    if (view.u8(at) != 0xFF) {
      ++at;  // rubbish between segments is skipped, as decoders do
      continue;
    }
    const std::uint8_t marker = view.u8(at + 1);
    if (marker == 0xFF) {
      ++at;
      continue;
    }
    if (marker == kSos || marker == kEoi) {
      break;
    }
    at += 2;
    if (marker == 0x00 || stands_alone(marker)) {
      continue;
    }
    if (!view.has(at, 2)) {
      break;
    }
    // A length includes itself; libjpeg takes less than that for nothing, too.
    const std::size_t length = std::max<std::size_t>(view.be16(at), 2);
    const std::string_view body = view.part(at + 2, length - 2);
    if (body.size() != length - 2) {
      break;
    }
    read_segment(marker, body, markers);
    at += length;
  }
  if (!markers.has_frame) {
    fail_truncated(source, fmt::format("JPEG without a frame header in its {} bytes", view.size()));
  }
  return markers;
}

/// State of one decoding. Plain data only: error_exit leaves by longjmp.
struct Decoder {
  jpeg_decompress_struct info;
  jpeg_error_mgr errors;
  jpeg_source_mgr input;
  jpeg_progress_mgr progress;
  std::jmp_buf escape;
  char message[JMSG_LENGTH_MAX];
  bool out_of_memory;
};

enum class Ending { kComplete, kTruncated, kFailed };

Decoder& decoder_of(j_common_ptr info) { return *static_cast<Decoder*>(info->client_data); }

[[noreturn]] void on_error(j_common_ptr info) {
  Decoder& decoder = decoder_of(info);
  info->err->format_message(info, decoder.message);
  decoder.out_of_memory = info->err->msg_code == JERR_OUT_OF_MEMORY;
  std::longjmp(decoder.escape, 1);
}

void ignore(j_common_ptr /*info*/) {}

void ignore_level(j_common_ptr /*info*/, int /*level*/) {}

void ignore_source(j_decompress_ptr /*info*/) {}

/// Suspends at the end of the file instead of inventing an end marker, as Pillow does: so a cut
/// file is noticed, and what is complete in spite of a missing marker is kept.
boolean suspend(j_decompress_ptr /*info*/) { return FALSE; }

void skip(j_decompress_ptr info, long count) {
  jpeg_source_mgr& input = *info->src;
  const auto wanted = static_cast<std::size_t>(count > 0 ? count : 0);
  const std::size_t step = wanted < input.bytes_in_buffer ? wanted : input.bytes_in_buffer;
  input.next_input_byte += step;
  input.bytes_in_buffer -= step;
}

void count_scans(j_common_ptr info) {
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number > kMaxScans) {
    Decoder& decoder = decoder_of(info);
    std::snprintf(
        decoder.message, sizeof decoder.message, "more than %d progressive scans", kMaxScans);
    std::longjmp(decoder.escape, 1);
  }
}

void connect(Decoder& decoder, std::string_view bytes) {
  decoder.info.err = jpeg_std_error(&decoder.errors);
  decoder.errors.error_exit = on_error;
  decoder.errors.output_message = ignore;
  decoder.errors.emit_message = ignore_level;
  decoder.info.client_data = &decoder;
  decoder.input.init_source = ignore_source;
  decoder.input.fill_input_buffer = suspend;
  decoder.input.skip_input_data = skip;
  decoder.input.resync_to_restart = jpeg_resync_to_restart;
  decoder.input.term_source = ignore_source;
  decoder.input.next_input_byte = reinterpret_cast<const JOCTET*>(bytes.data());
  decoder.input.bytes_in_buffer = bytes.size();
  decoder.progress.progress_monitor = count_scans;
}

/// Pillow takes every four-channel JPEG as inverted, whatever its Adobe marker says, and has no
/// colour profile: ImagingConvert's cmyk2rgb.
void cmyk_row_to_rgb(const std::uint8_t* cmyk, std::uint32_t width, std::uint8_t* rgb) {
  const auto times = [](unsigned a, unsigned b) {
    const unsigned product = a * b + 128;
    return ((product >> 8U) + product) >> 8U;
  };
  for (std::uint32_t x = 0; x < width; ++x, cmyk += 4, rgb += 3) {
    const unsigned light = cmyk[3];
    for (int channel = 0; channel < 3; ++channel) {
      const unsigned ink = 255U - cmyk[channel];
      rgb[channel] = static_cast<std::uint8_t>(light - times(ink, light));
    }
  }
}

/// Everything between creation and destruction of the library's object. Nothing in this frame has
/// a destructor, since errors jump out of it. `cmyk_row`: room for one row of four channels.
Ending run(Decoder& decoder, std::uint8_t* cmyk_row, Image& image) {
  jpeg_decompress_struct& info = decoder.info;
  if (setjmp(decoder.escape) != 0) {  // NOLINT(cert-err52-cpp): the library's way
    return Ending::kFailed;
  }
  jpeg_create_decompress(&info);
  info.src = &decoder.input;
  info.progress = &decoder.progress;
  int header = JPEG_SUSPENDED;
  do {
    header = jpeg_read_header(&info, FALSE);
  } while (header == JPEG_HEADER_TABLES_ONLY);
  if (header != JPEG_HEADER_OK) {
    return Ending::kTruncated;
  }
  const bool four = info.num_components == 4;
  info.out_color_space = four ? JCS_CMYK : JCS_RGB;
  if (jpeg_start_decompress(&info) == FALSE) {
    return Ending::kTruncated;
  }
  if (info.output_width != image.width || info.output_height != image.height) {
    std::snprintf(decoder.message, sizeof decoder.message, "two frame headers disagree");
    return Ending::kFailed;
  }
  while (info.output_scanline < info.output_height) {
    std::uint8_t* target = image.rgb.data() + std::size_t{info.output_scanline} * image.width * 3;
    JSAMPROW row = four ? cmyk_row : target;
    if (jpeg_read_scanlines(&info, &row, 1) != 1) {
      return Ending::kTruncated;
    }
    if (four) {
      cmyk_row_to_rgb(cmyk_row, image.width, target);
    }
  }
  jpeg_finish_decompress(&info);  // a missing end marker after the last row is no error
  return Ending::kComplete;
}

}  // namespace

Probe probe_jpeg(const Source& source) {
  const Markers markers = read_markers(source);
  if (markers.precision != 8 || markers.frame == 0xC3 || markers.frame >= 0xC5) {
    // 0xC9 and 0xCA, arithmetic coding, are the exceptions that the library reads.
    if (markers.precision != 8 || (markers.frame != 0xC9 && markers.frame != 0xCA)) {
      fail_unsupported(
          source,
          fmt::format(
              "JPEG of frame type {:02X} with {} bits a sample", markers.frame, markers.precision));
    }
  }
  if (markers.components != 1 && markers.components != 3 && markers.components != 4) {
    fail_unsupported(source, fmt::format("JPEG with {} channels", markers.components));
  }
  const std::uint64_t pixels = std::uint64_t{markers.width} * markers.height;
  const bool progressive = markers.frame == 0xC2 || markers.frame == 0xCA;
  Probe probe;
  probe.width = markers.width;
  probe.height = markers.height;
  probe.orientation = choose_orientation(markers.exif, markers.xmp);
  // A progressive picture's coefficients, 16 bits each, are held whole; else some rows of blocks.
  probe.working_bytes = (progressive ? pixels * 2 * markers.components : 0) +
                        std::uint64_t{markers.width} * 64 * markers.components + (1U << 18U);
  return probe;
}

void decode_jpeg(const Source& source, Image& image) {
  Decoder decoder{};
  connect(decoder, source.bytes);
  std::vector<std::uint8_t> cmyk_row(std::size_t{image.width} * 4);
  const Ending ending = run(decoder, cmyk_row.data(), image);
  const std::size_t row = decoder.info.output_scanline;
  jpeg_destroy_decompress(&decoder.info);
  if (ending == Ending::kTruncated) {
    fail_truncated(
        source,
        fmt::format(
            "JPEG ends after {} bytes, in row {} of {}", source.bytes.size(), row, image.height));
  }
  if (ending == Ending::kFailed) {
    if (decoder.out_of_memory) {
      throw std::bad_alloc();
    }
    fail_broken(source, fmt::format("JPEG: {}", decoder.message));
  }
}

}  // namespace headroom::images
