#include "report/terminal_picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/base64.h"

namespace headroom::report {

namespace {

constexpr std::size_t kPiece = 4096;
constexpr std::string_view kStart = "\x1b_G";
constexpr std::string_view kEnd = "\x1b\\";

/// `keys` stand in the first piece; m=1: more follow.
std::string in_pieces(const std::string& keys, std::string_view payload) {
  const std::string data = encode_base64(payload);
  std::string text;
  for (std::size_t at = 0; at == 0 || at < data.size(); at += kPiece) {
    const bool more = at + kPiece < data.size();
    text += fmt::format("{}{}m={};{}{}",
                        kStart,
                        at == 0 ? keys + "," : "",
                        more ? 1 : 0,
                        std::string_view(data).substr(at, kPiece),
                        kEnd);
  }
  return text + "\n";
}

void append_little_endian(std::string& text, std::uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) {
    text.push_back(static_cast<char>((value >> (8 * i)) & 0xFFU));
  }
}

/// An uncompressed picture of 24 bits a pixel: from the lowest row up, rows of whole words, blue
/// first.
std::string bmp_file(const Pixels& pixels) {
  constexpr std::uint32_t kHeaders = 14 + 40;
  const std::uint32_t padding = (4 - pixels.width * 3 % 4) % 4;
  const std::uint32_t size = kHeaders + (pixels.width * 3 + padding) * pixels.height;
  std::string file = "BM";
  append_little_endian(file, size, 4);
  append_little_endian(file, 0, 4);
  append_little_endian(file, kHeaders, 4);
  append_little_endian(file, 40, 4);  // of this header
  append_little_endian(file, pixels.width, 4);
  append_little_endian(file, pixels.height, 4);
  append_little_endian(file, 1, 2);   // plane
  append_little_endian(file, 24, 2);  // bits a pixel
  file.append(24, '\0');              // not compressed, sizes and palette unsaid
  for (std::size_t y = pixels.height; y-- > 0;) {
    for (std::size_t x = 0; x < pixels.width; ++x) {
      const std::size_t at = (y * pixels.width + x) * 3;
      file += {pixels.rgb[at + 2], pixels.rgb[at + 1], pixels.rgb[at]};
    }
    file.append(padding, '\0');
  }
  return file;
}

/// Konsole reads sixels from 22.04 on; its version is a number such as 220401.
bool is_new_konsole(const std::string& version) {
  constexpr std::size_t kFigures = 6;
  return version.size() >= kFigures && version.substr(0, kFigures) >= "220400";
}

}  // namespace

std::optional<PictureProtocol> picture_protocol_named(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, PictureProtocol>, 4> kNames = {{
      {"kitty", PictureProtocol::kKitty},
      {"iterm2", PictureProtocol::kIterm},
      {"sixel", PictureProtocol::kSixel},
      {"none", PictureProtocol::kNone},
  }};
  const auto* const found = std::find_if(
      kNames.begin(), kNames.end(), [&](const auto& known) { return known.first == name; });
  return found == kNames.end() ? std::nullopt : std::optional(found->second);
}

PictureProtocol picture_protocol(
    const std::function<std::optional<std::string>(const std::string&)>& environment) {
  const auto value = [&](const char* name) { return environment(name).value_or(""); };
  const std::string term = value("TERM");
  const std::string program = value("TERM_PROGRAM");
  if (!value("TMUX").empty() || term.starts_with("screen") || term.starts_with("tmux") ||
      term == "dumb") {
    return PictureProtocol::kNone;
  }
  if (program == "iTerm.app" || program == "WezTerm") {
    return PictureProtocol::kIterm;
  }
  if (!value("KITTY_WINDOW_ID").empty() || term == "xterm-kitty" || program == "ghostty") {
    return PictureProtocol::kKitty;
  }
  if (term.starts_with("foot") || term.starts_with("mlterm") || term.starts_with("contour") ||
      is_new_konsole(value("KONSOLE_VERSION"))) {
    return PictureProtocol::kSixel;
  }
  return PictureProtocol::kNone;
}

std::string kitty_png(std::string_view file) { return in_pieces("a=T,f=100", file); }

std::string kitty_pixels(const Pixels& pixels) {
  return in_pieces(fmt::format("a=T,f=24,s={},v={}", pixels.width, pixels.height), pixels.rgb);
}

std::string iterm_file(std::string_view file, std::string_view name) {
  return fmt::format("\x1b]1337;File=name={};size={};inline=1;width=40:{}\x07\n",
                     encode_base64(name),
                     file.size(),
                     encode_base64(file));
}

std::string iterm_pixels(const Pixels& pixels, std::string_view name) {
  return iterm_file(bmp_file(pixels), name);
}

}  // namespace headroom::report
