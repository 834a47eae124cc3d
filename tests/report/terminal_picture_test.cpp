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
  EXPECT_EQ(kitty_pixels("abcdef", 2, 1), "\x1b_Ga=T,f=24,s=2,v=1,m=0;YWJjZGVm\x1b\\\n");
}

TEST(TerminalPicture, ItermTakesTheFileWhole) {
  EXPECT_EQ(iterm_file("jpeg", "a.jpg"),
            "\x1b]1337;File=name=YS5qcGc=;size=4;inline=1;width=40:anBlZw==\x07\n");
}

}  // namespace
}  // namespace headroom::report
