#include "sniff.h"

#include <fmt/format.h>

#include <array>

#include "base/errors.h"
#include "base/files.h"

namespace headroom::images {
namespace {

struct Signature {
  std::size_t offset;
  std::string_view bytes;
  std::string_view name;
};

using namespace std::string_view_literals;

/// Pictures that people have, and that we do not read.
constexpr std::array kOthers = {
    Signature{0, "II*\0"sv, "TIFF"},
    Signature{0, "MM\0*"sv, "TIFF"},
    Signature{4, "ftypheic"sv, "HEIC"},
    Signature{4, "ftypheix"sv, "HEIC"},
    Signature{4, "ftypmif1"sv, "HEIF"},
    Signature{4, "ftypavif"sv, "AVIF"},
    Signature{4, "ftypavis"sv, "AVIF"},
    Signature{0, "\xFF\x0A"sv, "JPEG XL"},
    Signature{0, "\0\0\0\x0CJXL "sv, "JPEG XL"},
    Signature{0, "\0\0\0\x0CjP  "sv, "JPEG 2000"},
    Signature{0, "\xFF\x4F\xFF\x51"sv, "JPEG 2000"},
    Signature{0, "%PDF"sv, "PDF"},
    Signature{0, "8BPS"sv, "Photoshop"},
    Signature{0, "\0\0\x01\0"sv, "icon"},
    Signature{0, "P4\n"sv, "PBM"},
    Signature{0, "P5\n"sv, "PGM"},
    Signature{0, "P6\n"sv, "PPM"},
    Signature{0, "<svg"sv, "SVG"},
    Signature{0, "qoif"sv, "QOI"},
};

bool at(std::string_view bytes, std::size_t offset, std::string_view signature) {
  return bytes.size() >= offset && bytes.substr(offset, signature.size()) == signature;
}

[[noreturn]] void refuse(std::string_view bytes, const std::string& name) {
  for (const Signature& other : kOthers) {
    if (at(bytes, other.offset, other.bytes)) {
      throw InputError("E-IMG-UNSUPPORTED",
                       fmt::format("{}: a {} file; convert it to PNG or JPEG", name, other.name));
    }
  }
  std::string what = describe_content(bytes.substr(0, 4096));
  if (what.empty()) {
    what = fmt::format("{} bytes of no known picture format", bytes.size());
  }
  throw InputError(
      "E-IMG-NOT",
      fmt::format("{}: not a picture but {}; JPEG, PNG, WebP, GIF and BMP are read", name, what));
}

}  // namespace

Format sniff(std::string_view bytes, const std::string& name) {
  if (at(bytes, 0, "\xFF\xD8\xFF"sv)) {
    return Format::kJpeg;
  }
  if (at(bytes, 0, "\x89PNG\r\n\x1A\n"sv)) {
    return Format::kPng;
  }
  if (at(bytes, 0, "RIFF"sv) && at(bytes, 8, "WEBP"sv)) {
    return Format::kWebp;
  }
  if (at(bytes, 0, "GIF87a"sv) || at(bytes, 0, "GIF89a"sv)) {
    return Format::kGif;
  }
  if (at(bytes, 0, "BM"sv)) {
    return Format::kBmp;
  }
  refuse(bytes, name);
}

}  // namespace headroom::images
