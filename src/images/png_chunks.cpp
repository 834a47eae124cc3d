#include "png_chunks.h"

#include <zlib.h>

#include <algorithm>
#include <string>

#include "exif.h"

namespace headroom::images {
namespace {

constexpr std::size_t kMaxTextBytes = 1U << 20U;

/// "Raw profile type exif": ImageMagick's EXIF from before PNG had a chunk for it: three lines of
/// heading, then hexadecimal digits.
std::optional<int> raw_profile_orientation(std::string_view text) {
  for (int line = 0; line < 3; ++line) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) {
      return std::nullopt;
    }
    text.remove_prefix(end + 1);
  }
  const auto digit = [](char c) -> int {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  std::string block;
  int high = -1;
  for (const char c : text) {
    const int value = digit(c);
    if (value < 0) {
      continue;
    }
    if (high < 0) {
      high = value;
    } else {
      block.push_back(static_cast<char>(high * 16 + value));
      high = -1;
    }
  }
  return exif_orientation(block);
}

std::string inflate_text(std::string_view packed) {
  std::string text(kMaxTextBytes, '\0');
  uLongf length = text.size();
  const int result = uncompress(reinterpret_cast<Bytef*>(text.data()),
                                &length,
                                reinterpret_cast<const Bytef*>(packed.data()),
                                static_cast<uLong>(packed.size()));
  text.resize(result == Z_OK ? length : 0);
  return text;
}

/// The text of a tEXt, zTXt or iTXt chunk if its keyword is `keyword`.
std::optional<std::string> text_of(const Chunk& chunk, std::string_view keyword) {
  if (chunk.body.substr(0, keyword.size()) != keyword || chunk.body.size() <= keyword.size() ||
      chunk.body[keyword.size()] != '\0') {
    return std::nullopt;
  }
  std::string_view rest = chunk.body.substr(keyword.size() + 1);
  if (chunk.type == "tEXt") {
    return std::string(rest);
  }
  if (chunk.type == "zTXt") {
    return rest.empty() ? std::nullopt : std::optional(inflate_text(rest.substr(1)));
  }
  if (rest.size() < 2) {
    return std::nullopt;
  }
  const bool packed = rest[0] != 0;
  rest.remove_prefix(2);
  for (int field = 0; field < 2; ++field) {  // language, translated keyword
    const std::size_t end = rest.find('\0');
    if (end == std::string_view::npos) {
      return std::nullopt;
    }
    rest.remove_prefix(end + 1);
  }
  return packed ? inflate_text(rest) : std::string(rest);
}

}  // namespace

std::optional<Chunk> chunk_at(const BytesView& view, std::size_t at) {
  if (!view.has(at, 8)) {
    return std::nullopt;
  }
  const std::size_t length = view.be32(at);
  const std::size_t available = view.size() - (at + 8);
  Chunk chunk;
  chunk.type = view.part(at + 4, 4);
  chunk.body = view.part(at + 8, std::min(length, available));
  chunk.next = at + kChunkFrame + length;
  return chunk;
}

bool has_its_checksum(const BytesView& view, const Chunk& chunk) {
  const std::size_t at = chunk.next - 4;
  if (!view.has(at, 4)) {
    return false;
  }
  const auto* bytes = reinterpret_cast<const Bytef*>(chunk.type.data());  // its body follows
  return crc32_z(0, bytes, chunk.type.size() + chunk.body.size()) == view.be32(at);
}

int png_orientation(const BytesView& view) {
  std::optional<int> exif;
  std::optional<int> profile;
  std::optional<int> xmp;
  for (auto chunk = chunk_at(view, kHeaderEnd); chunk; chunk = chunk_at(view, chunk->next)) {
    if (chunk->type == "eXIf") {
      exif = exif_orientation(chunk->body);
    } else if (chunk->type == "tEXt" || chunk->type == "zTXt" || chunk->type == "iTXt") {
      if (const auto text = text_of(*chunk, "Raw profile type exif")) {
        profile = raw_profile_orientation(*text);
      }
      if (chunk->type == "iTXt") {
        if (const auto text = text_of(*chunk, "XML:com.adobe.xmp")) {
          xmp = xmp_orientation(*text);
        }
      }
    }
  }
  return choose_orientation(exif ? exif : profile, xmp);
}

}  // namespace headroom::images
