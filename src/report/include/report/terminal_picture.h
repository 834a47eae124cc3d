#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace headroom::report {

/// How a terminal takes pictures.
enum class PictureProtocol {
  kNone,
  kKitty,  ///< kitty's graphics protocol: PNG files or RGB pixels
  kIterm,  ///< iTerm2's inline images: files of any kind that it reads
  kSixel,  ///< DEC's: six rows of palette colours at a time
};

/// By name: "kitty", "iterm2", "sixel", "none"; nothing of "auto" and other names.
std::optional<PictureProtocol> picture_protocol_named(std::string_view name);

/// By the environment of a process on a terminal: KITTY_WINDOW_ID, TERM, TERM_PROGRAM and
/// KONSOLE_VERSION. Nothing within a multiplexer, which keeps such sequences to itself, and of
/// terminals that do not tell.
PictureProtocol picture_protocol(
    const std::function<std::optional<std::string>(const std::string&)>& environment);

/// Larger files are sent as pixels of a reduced picture.
inline constexpr std::uint32_t kMaxPictureSide = 800;
inline constexpr std::size_t kMaxPictureFile = 2U << 20U;

/// 8-bit RGB, row by row: 3 * width * height bytes, borrowed.
struct Pixels {
  std::string_view rgb;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
};

/// The sequence that shows a PNG file, in pieces of 4,096 characters as the protocol asks, and a
/// line feed.
std::string kitty_png(std::string_view file);
/// The same for pixels.
std::string kitty_pixels(const Pixels& pixels);

/// The sequence that shows a file, at most 40 columns wide, and a line feed.
std::string iterm_file(std::string_view file, std::string_view name);
/// The same for pixels, as a BMP file.
std::string iterm_pixels(const Pixels& pixels, std::string_view name);

/// The sequence that shows pixels in 216 colours (six steps a channel, ordered dithering), and a
/// line feed. Source: DEC VT330/VT340 Programmer Reference, chapter 14.
std::string sixel_pixels(const Pixels& pixels);

}  // namespace headroom::report
