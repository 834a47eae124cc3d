#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "images/decode.h"
#include "images/image.h"

namespace headroom::images {

/// What a file's header says before orientation. Each format fills it without allocating pixels.
struct Probe {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  int orientation = 1;
  std::uint64_t working_bytes = 0;  ///< held while decoding, beside the file and the RGB result
};

/// A file as the formats see it. `name` stands in messages.
struct Source {
  std::string_view bytes;
  const std::string& name;
};

Probe probe_jpeg(const Source& source);
Probe probe_png(const Source& source);
Probe probe_webp(const Source& source);
Probe probe_gif(const Source& source);
Probe probe_bmp(const Source& source);

/// All return the stored pixels as RGB, not yet turned. `image` has its final size; the sizes in
/// the file have been checked against the limits.
void decode_jpeg(const Source& source, Image& image);
void decode_png(const Source& source,
                Grey16 grey16,
                Image& image,
                std::vector<std::string>& notices);
void decode_webp(const Source& source, Image& image);
void decode_gif(const Source& source, Image& image);
void decode_bmp(const Source& source, Image& image);

/// The three ways in which a picture file is bad: it ends too early, it contradicts itself, or it
/// uses something that we do not read. Each throws InputError "NAME: …".
[[noreturn]] void fail_truncated(const Source& source, std::string_view what);
[[noreturn]] void fail_broken(const Source& source, std::string_view what);
[[noreturn]] void fail_unsupported(const Source& source, std::string_view what);

/// The pixels turned and mirrored as EXIF's values 2..8 say; others: unchanged.
Image apply_orientation(Image image, int orientation);

}  // namespace headroom::images
