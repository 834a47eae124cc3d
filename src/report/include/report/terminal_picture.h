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
};

/// By the environment of a process on a terminal: KITTY_WINDOW_ID, TERM and TERM_PROGRAM. Nothing
/// within a multiplexer, which keeps such sequences to itself.
PictureProtocol picture_protocol(
    const std::function<std::optional<std::string>(const std::string&)>& environment);

/// The sequence that shows a PNG file, in pieces of 4,096 characters as the protocol asks, and a
/// line feed.
std::string kitty_png(std::string_view file);
/// The same for 8-bit RGB pixels, row by row.
std::string kitty_pixels(std::string_view rgb, std::uint32_t width, std::uint32_t height);
/// The sequence that shows a file, at most 40 columns wide, and a line feed.
std::string iterm_file(std::string_view file, std::string_view name);

}  // namespace headroom::report
