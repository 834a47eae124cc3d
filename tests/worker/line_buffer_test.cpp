#include "line_buffer.h"

#include <gtest/gtest.h>

namespace headroom::worker {

namespace {

std::vector<std::string> all(LineBuffer& buffer) {
  std::vector<std::string> lines;
  while (const auto line = buffer.next()) {
    lines.push_back(line->too_long ? "TOO LONG " + line->text : line->text);
  }
  return lines;
}

using Lines = std::vector<std::string>;

TEST(LineBuffer, CutsLinesWhereverTheBytesBreak) {
  const std::string stream = "one\r\ntwo\n\n\nthree\nrest";
  for (std::size_t step = 1; step <= stream.size(); ++step) {
    LineBuffer buffer;
    Lines lines;
    for (std::size_t at = 0; at < stream.size(); at += step) {
      buffer.append(std::string_view(stream).substr(at, step));
      for (std::string& line : all(buffer)) {
        lines.push_back(std::move(line));
      }
    }
    EXPECT_EQ(lines, (Lines{"one", "two", "three"})) << step;
    EXPECT_EQ(buffer.rest(), "rest");
  }
}

TEST(LineBuffer, TakesALineAtTheLimitAndReportsOneBeyondItAtOnce) {
  LineBuffer buffer(8);
  buffer.append("12345678\n");
  EXPECT_EQ(all(buffer), Lines{"12345678"});
  buffer.append("123456789");
  EXPECT_EQ(all(buffer), Lines{"TOO LONG 123456789"});
  buffer.append("and so on, for long");
  EXPECT_EQ(all(buffer), Lines{});
  EXPECT_EQ(buffer.rest(), "") << "what is skipped takes no memory";
  buffer.append("end\nnext\n");
  EXPECT_EQ(all(buffer), Lines{"next"});
}

TEST(LineBuffer, ReportsALineBeyondTheLimitThatCameWhole) {
  LineBuffer buffer(4);
  buffer.append("12345\nnext\n");
  EXPECT_EQ(all(buffer), (Lines{"TOO LONG 12345", "next"}));
}

}  // namespace

}  // namespace headroom::worker
