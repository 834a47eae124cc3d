#include "images/decode.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <new>
#include <optional>
#include <utility>

#include "base/errors.h"
#include "base/files.h"
#include "base/grouped.h"
#include "codec.h"
#include "file_view.h"
#include "sniff.h"

namespace headroom::images {
namespace {

/// Keeps every product of sides and bytes below within 64 bits, whatever limit was asked for.
constexpr std::uint64_t kAddressablePixels = 1ULL << 40U;

Probe probe(Format format, const Source& source) {
  switch (format) {
    case Format::kJpeg:
      return probe_jpeg(source);
    case Format::kPng:
      return probe_png(source);
    case Format::kWebp:
      return probe_webp(source);
    case Format::kGif:
      return probe_gif(source);
    case Format::kBmp:
      return probe_bmp(source);
  }
  throw InternalError("images: a format without a reader");
}

[[noreturn]] void refuse_file(const std::string& name,
                              std::uint64_t size,
                              const DecodeLimits& limits) {
  throw InputError("E-IMG-TOO-LARGE",
                   fmt::format("{}: a file of {} bytes exceeds the limit of {}, which is fixed; "
                               "give a smaller copy of the picture, or one in a format that packs "
                               "closer (JPEG, WebP)",
                               name,
                               grouped(size),
                               grouped(limits.max_file_bytes)));
}

void check_size(const Probe& found, const Source& source, const DecodeLimits& limits) {
  if (found.width == 0 || found.height == 0) {
    fail_broken(source, fmt::format("a picture of {} x {} pixels", found.width, found.height));
  }
  const std::uint64_t pixels = std::uint64_t{found.width} * found.height;
  if (pixels > std::min(limits.max_pixels, kAddressablePixels)) {
    throw InputError("E-IMG-TOO-LARGE",
                     fmt::format("{}: {} pixels ({} x {}) exceed the limit of {}, which is fixed "
                                 "(Pillow refuses there, too); give a copy of the picture scaled "
                                 "down below it",
                                 source.name,
                                 grouped(pixels),
                                 found.width,
                                 found.height,
                                 grouped(std::min(limits.max_pixels, kAddressablePixels))));
  }
}

/// Format and checked sizes, as stored.
std::pair<Format, Probe> examine(const Source& source, const DecodeLimits& limits) {
  if (source.bytes.size() > limits.max_file_bytes) {
    refuse_file(source.name, source.bytes.size(), limits);
  }
  const Format format = sniff(source.bytes, source.name);
  const Probe found = probe(format, source);
  check_size(found, source, limits);
  return {format, found};
}

Header header_of(const Source& source, Format format, const Probe& found) {
  const bool turned = found.orientation >= 5;
  const std::uint64_t rgb_bytes = std::uint64_t{found.width} * found.height * 3;
  Header header;
  header.format = format;
  header.file_bytes = source.bytes.size();
  header.width = turned ? found.height : found.width;
  header.height = turned ? found.width : found.height;
  header.orientation = found.orientation;
  header.decode_bytes =
      rgb_bytes + std::max(found.working_bytes, found.orientation == 1 ? 0 : rgb_bytes);
  return header;
}

void decode_pixels(const Source& source, const DecodeLimits& limits, Decoded& decoded) {
  switch (decoded.header.format) {
    case Format::kJpeg:
      return decode_jpeg(source, decoded.image);
    case Format::kPng:
      return decode_png(source, limits.grey16, decoded.image, decoded.notices);
    case Format::kWebp:
      return decode_webp(source, decoded.image);
    case Format::kGif:
      return decode_gif(source, decoded.image);
    case Format::kBmp:
      return decode_bmp(source, decoded.image);
  }
}

/// What `read` gives for a file within the limit.
template <typename Read>
auto with_file(const std::filesystem::path& path, const DecodeLimits& limits, const Read& read) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (!error && size > limits.max_file_bytes) {
    refuse_file(path.string(), size, limits);
  }
  try {
    return read();
  } catch (const InputError& failure) {
    if (failure.code() != "E-FILE") {
      throw;
    }
    throw InputError("E-IMG-MISSING", failure.what());
  }
}

}  // namespace

std::string_view to_string(Format format) {
  constexpr std::array<std::string_view, 5> kNames = {"JPEG", "PNG", "WebP", "GIF", "BMP"};
  return kNames.at(static_cast<std::size_t>(format));
}

void fail_truncated(const Source& source, std::string_view what) {
  throw InputError("E-IMG-TRUNCATED", fmt::format("{}: truncated: {}", source.name, what));
}

void fail_broken(const Source& source, std::string_view what) {
  throw InputError("E-IMG-BROKEN", fmt::format("{}: damaged: {}", source.name, what));
}

void fail_unsupported(const Source& source, std::string_view what) {
  throw InputError("E-IMG-UNSUPPORTED", fmt::format("{}: not supported: {}", source.name, what));
}

Header read_header(std::string_view bytes, const std::string& name, const DecodeLimits& limits) {
  const Source source{bytes, name};
  const auto [format, found] = examine(source, limits);
  return header_of(source, format, found);
}

Decoded decode(std::string_view bytes, const std::string& name, const DecodeLimits& limits) {
  const Source source{bytes, name};
  const auto [format, found] = examine(source, limits);
  Decoded decoded;
  decoded.header = header_of(source, format, found);
  try {
    decoded.image.width = found.width;
    decoded.image.height = found.height;
    decoded.image.rgb.resize(std::size_t{found.width} * found.height * 3);
    decode_pixels(source, limits, decoded);
    decoded.image = apply_orientation(std::move(decoded.image), found.orientation);
  } catch (const std::bad_alloc&) {
    throw ResourceError("E-IMG-MEMORY",
                        fmt::format("{}: no memory to decode {} x {} pixels, which takes up to {} "
                                    "bytes; free some memory or lower the limit on pixels",
                                    name,
                                    found.width,
                                    found.height,
                                    grouped(decoded.header.decode_bytes)));
  }
  return decoded;
}

Decoded decode_file(const std::filesystem::path& path, const DecodeLimits& limits) {
  return decode(with_file(path, limits, [&] { return read_file(path); }), path.string(), limits);
}

Header read_file_header(const std::filesystem::path& path, const DecodeLimits& limits) {
  return with_file(
      path, limits, [&] { return read_header(FileView(path).bytes(), path.string(), limits); });
}

}  // namespace headroom::images
