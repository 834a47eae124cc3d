#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "bytes_view.h"

namespace headroom::images {

constexpr std::size_t kSignatureBytes = 8;
constexpr std::size_t kChunkFrame = 12;  // length, type, CRC
constexpr std::size_t kHeaderEnd = kSignatureBytes + kChunkFrame + 13;

/// A part of a PNG file.
struct Chunk {
  std::string_view type;
  std::string_view body;  ///< what there is of it
  std::size_t next = 0;   ///< offset of the chunk behind it
};

/// Empty at the end of the file. The last body may be cut.
std::optional<Chunk> chunk_at(const BytesView& view, std::size_t at);

/// A chunk whose checksum is cut off has not its checksum.
bool has_its_checksum(const BytesView& view, const Chunk& chunk);

/// What eXIf, the text that stood for it before, and XMP say, wherever in the file they stand.
int png_orientation(const BytesView& view);

}  // namespace headroom::images
