#include "report/terminal_picture.h"

#include <fmt/format.h>

#include <algorithm>

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

}  // namespace

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
  return PictureProtocol::kNone;
}

std::string kitty_png(std::string_view file) { return in_pieces("a=T,f=100", file); }

std::string kitty_pixels(std::string_view rgb, std::uint32_t width, std::uint32_t height) {
  return in_pieces(fmt::format("a=T,f=24,s={},v={}", width, height), rgb);
}

std::string iterm_file(std::string_view file, std::string_view name) {
  return fmt::format("\x1b]1337;File=name={};size={};inline=1;width=40:{}\x07\n",
                     encode_base64(name),
                     file.size(),
                     encode_base64(file));
}

}  // namespace headroom::report
