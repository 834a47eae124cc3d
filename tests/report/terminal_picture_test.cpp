#include "report/terminal_picture.h"

#include <gtest/gtest.h>

#include <map>

namespace headroom::report {
namespace {

struct Terminal {
  const char* name;
  std::map<std::string, std::string> environment;
  PictureProtocol protocol;
};

TEST(TerminalPicture, IsKnownByTheEnvironment) {
  const Terminal terminals[] = {
      {"kitty", {{"TERM", "xterm-kitty"}, {"KITTY_WINDOW_ID", "1"}}, PictureProtocol::kKitty},
      {"kitty by its window alone",
       {{"TERM", "xterm-256color"}, {"KITTY_WINDOW_ID", "1"}},
       PictureProtocol::kKitty},
      {"iTerm2", {{"TERM", "xterm"}, {"TERM_PROGRAM", "iTerm.app"}}, PictureProtocol::kIterm},
      {"tmux in kitty",
       {{"TERM", "tmux-256color"}, {"KITTY_WINDOW_ID", "1"}},
       PictureProtocol::kNone},
      {"foot", {{"TERM", "foot-extra"}}, PictureProtocol::kSixel},
      {"a Konsole with sixels",
       {{"TERM", "xterm-256color"}, {"KONSOLE_VERSION", "230804"}},
       PictureProtocol::kSixel},
      {"a Konsole before them",
       {{"TERM", "xterm-256color"}, {"KONSOLE_VERSION", "211203"}},
       PictureProtocol::kNone},
      {"another", {{"TERM", "xterm-256color"}}, PictureProtocol::kNone},
      {"dumb", {{"TERM", "dumb"}, {"TERM_PROGRAM", "iTerm.app"}}, PictureProtocol::kNone},
      {"nothing", {}, PictureProtocol::kNone},
  };
  for (const Terminal& terminal : terminals) {
    const auto environment = [&](const std::string& name) -> std::optional<std::string> {
      const auto found = terminal.environment.find(name);
      return found == terminal.environment.end() ? std::nullopt : std::optional(found->second);
    };
    EXPECT_EQ(picture_protocol(environment), terminal.protocol) << terminal.name;
  }
}

TEST(TerminalPicture, KittyTakesAFileInPieces) {
  EXPECT_EQ(kitty_png("png"), "\x1b_Ga=T,f=100,m=0;cG5n\x1b\\\n");
  const std::string two = kitty_png(std::string(3073, 'a'));
  const std::size_t second = two.find("\x1b_Gm=0;");
  EXPECT_EQ(two.substr(0, 17), "\x1b_Ga=T,f=100,m=1;");
  ASSERT_NE(second, std::string::npos);
  EXPECT_EQ(second, 17U + 4096U + 2U) << "4,096 characters, then the end of the first";
}

TEST(TerminalPicture, KittyIsToldTheSidesOfPixels) {
  EXPECT_EQ(kitty_pixels({"abcdef", 2, 1}), "\x1b_Ga=T,f=24,s=2,v=1,m=0;YWJjZGVm\x1b\\\n");
}

TEST(TerminalPicture, ItermTakesTheFileWhole) {
  EXPECT_EQ(iterm_file("jpeg", "a.jpg"),
            "\x1b]1337;File=name=YS5qcGc=;size=4;inline=1;width=40:anBlZw==\x07\n");
}

TEST(TerminalPicture, ItermTakesPixelsAsABmpFile) {
  const std::string text = iterm_pixels({std::string_view("\xff\0\0", 3), 1, 1}, "a.jpg");
  // A header of 54 bytes, blue, green, red, and a byte to the whole word.
  EXPECT_EQ(
      text,
      "\x1b]1337;File=name=YS5qcGc=;size=58;inline=1;width=40:"
      "Qk06AAAAAAAAADYAAAAoAAAAAQAAAAEAAAABABgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAD/AA==\x07\n");
}

TEST(TerminalPicture, SixelsAreSixRowsOfOneColourAfterTheOther) {
  std::string rgb;
  for (int row = 0; row < 7; ++row) {
    rgb += std::string("\xff\0\0", 3) + std::string("\0\0\xff", 3);
  }
  const std::string text = sixel_pixels({rgb, 2, 7});
  EXPECT_EQ(text.substr(0, 17), "\x1bP0;1;0q\"1;1;2;7#");
  EXPECT_NE(text.find("#5;2;0;0;100#"), std::string::npos) << "the palette's blue";
  const std::string rows = "#5?~$#180~-#5?@$#180@-\x1b\\\n";
  EXPECT_EQ(text.substr(text.size() - rows.size()), rows);
}

TEST(TerminalPicture, SixelsShortenRunsAndMixColoursThatThePaletteLacks) {
  const std::string grey(3 * 40 * 6, '\x80');
  const std::string text = sixel_pixels({grey, 40, 6});
  EXPECT_NE(text.find("#86"), std::string::npos) << "2 of 5 steps";
  EXPECT_NE(text.find("#129"), std::string::npos) << "3 of 5 steps";
  const std::string white = sixel_pixels({std::string(3 * 40 * 6, '\xff'), 40, 6});
  EXPECT_NE(white.find("#215!40~-"), std::string::npos);
}

TEST(TerminalPicture, HasANameForEachProtocol) {
  EXPECT_EQ(picture_protocol_named("kitty"), PictureProtocol::kKitty);
  EXPECT_EQ(picture_protocol_named("iterm2"), PictureProtocol::kIterm);
  EXPECT_EQ(picture_protocol_named("sixel"), PictureProtocol::kSixel);
  EXPECT_EQ(picture_protocol_named("none"), PictureProtocol::kNone);
  EXPECT_FALSE(picture_protocol_named("auto").has_value());
}

}  // namespace
}  // namespace headroom::report
