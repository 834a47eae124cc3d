#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "images/image.h"

namespace headroom::images {

enum class Format { kJpeg, kPng, kWebp, kGif, kBmp };
std::string_view to_string(Format format);

/// What the header says, after orientation. Nothing is decoded.
struct Header {
  Format format = Format::kPng;
  std::uint32_t width = 0;  ///< as shown: sides exchanged when the orientation says so
  std::uint32_t height = 0;
  int orientation = 1;  ///< EXIF, 1..8
  /// What decode() holds at its peak beside the file's own bytes, from above, for planning.
  std::uint64_t decode_bytes = 0;
  std::uint64_t file_bytes = 0;
};

/// What becomes of 16-bit grey PNGs. 16-bit colour and grey with alpha always give the high byte.
enum class Grey16 {
  kClip,      ///< min(value, 255): Pillow's convert("RGB"), almost white on scans
  kHighByte,  ///< value >> 8
};

struct DecodeLimits {
  std::uint64_t max_pixels =
      178'956'970;  ///< twice Pillow's MAX_IMAGE_PIXELS, where Pillow refuses
  std::uint64_t max_file_bytes = 1ULL << 30U;
  Grey16 grey16 = Grey16::kClip;
};

/// A decoded picture and what had to be said about it.
struct Decoded {
  Image image;
  Header header;
  std::vector<std::string> notices;  ///< "16-bit grey: clipped to 8 bits as Pillow does"
};

/// `name` stands in messages. All throw InputError: E-IMG-MISSING, E-IMG-NOT (with what it is),
/// E-IMG-TRUNCATED, E-IMG-BROKEN, E-IMG-TOO-LARGE (pixels and limit; before anything is allocated),
/// E-IMG-UNSUPPORTED; and ResourceError("E-IMG-MEMORY") when the machine has not the memory that
/// the header asks for. Content decides the format, whatever the name. Pixels equal Pillow's: first
/// frame, EXIF orientation applied, convert("RGB"), so that alpha is dropped and hidden colours
/// show.
/// Thread: any; no shared state.
/// Source: Pillow 12.3 with libjpeg-turbo 3.1, libwebp 1.6.
Header read_header(std::string_view bytes,
                   const std::string& name,
                   const DecodeLimits& limits = {});
Decoded decode(std::string_view bytes, const std::string& name, const DecodeLimits& limits = {});
Decoded decode_file(const std::filesystem::path& path, const DecodeLimits& limits = {});
/// Maps the file: what is behind its header stays where it is.
Header read_file_header(const std::filesystem::path& path, const DecodeLimits& limits = {});

}  // namespace headroom::images
