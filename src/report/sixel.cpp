#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <vector>

#include "report/terminal_picture.h"

namespace headroom::report {

namespace {

constexpr std::uint32_t kBandRows = 6;
constexpr unsigned kSteps = 6;  ///< a channel has
constexpr unsigned kColours = kSteps * kSteps * kSteps;

/// Bayer's matrix: thresholds in sixteenths, spread over 4 by 4 pixels.
constexpr std::array<std::array<unsigned, 4>, 4> kThresholds = {
    {{0, 8, 2, 10}, {12, 4, 14, 6}, {3, 11, 1, 9}, {15, 7, 13, 5}}};

unsigned step_of(char value, unsigned threshold) {
  const unsigned sixteenths = static_cast<unsigned char>(value) * (kSteps - 1) * 16 / 255;
  return std::min((sixteenths + threshold) / 16, kSteps - 1);
}

unsigned colour_at(const Pixels& pixels, std::uint32_t x, std::uint32_t y) {
  const std::size_t at = (std::size_t{y} * pixels.width + x) * 3;
  const unsigned threshold = kThresholds[y % 4][x % 4];
  unsigned colour = 0;
  for (std::size_t channel = 0; channel < 3; ++channel) {
    colour = colour * kSteps + step_of(pixels.rgb[at + channel], threshold);
  }
  return colour;
}

std::string palette() {
  std::string text;
  const auto percent = [](unsigned step) { return step * 100 / (kSteps - 1); };
  for (unsigned colour = 0; colour < kColours; ++colour) {
    fmt::format_to(std::back_inserter(text),
                   "#{};2;{};{};{}",
                   colour,
                   percent(colour / (kSteps * kSteps)),
                   percent(colour / kSteps % kSteps),
                   percent(colour % kSteps));
  }
  return text;
}

/// Runs of four or more as "!count".
void append_run(std::string& text, char sixel, std::size_t count) {
  constexpr std::size_t kLeastShortened = 4;
  if (count < kLeastShortened) {
    text.append(count, sixel);
  } else {
    fmt::format_to(std::back_inserter(text), "!{}{}", count, sixel);
  }
}

void append_row(std::string& text, const std::vector<unsigned char>& bits) {
  constexpr char kNoBit = '?';
  std::size_t run = 0;
  for (std::size_t x = 0; x < bits.size(); x += run) {
    run = 1;
    while (x + run < bits.size() && bits[x + run] == bits[x]) {
      ++run;
    }
    if (x + run == bits.size() && bits[x] == 0) {
      return;  // what is blank to the right is left out
    }
    append_run(text, static_cast<char>(kNoBit + bits[x]), run);
  }
}

/// Six rows, one colour after the other over the same place.
void append_band(std::string& text, const Pixels& pixels, std::uint32_t top) {
  std::array<std::vector<unsigned char>, kColours> rows;
  const std::uint32_t end = std::min(top + kBandRows, pixels.height);
  for (std::uint32_t y = top; y < end; ++y) {
    for (std::uint32_t x = 0; x < pixels.width; ++x) {
      std::vector<unsigned char>& row = rows[colour_at(pixels, x, y)];
      row.resize(pixels.width);
      row[x] = static_cast<unsigned char>(row[x] | (1U << (y - top)));
    }
  }
  bool first = true;
  for (unsigned colour = 0; colour < kColours; ++colour) {
    if (!rows[colour].empty()) {
      fmt::format_to(std::back_inserter(text), "{}#{}", first ? "" : "$", colour);
      append_row(text, rows[colour]);
      first = false;
    }
  }
  text += '-';
}

}  // namespace

std::string sixel_pixels(const Pixels& pixels) {
  std::string text =
      fmt::format("\x1bP0;1;0q\"1;1;{};{}{}", pixels.width, pixels.height, palette());
  for (std::uint32_t top = 0; top < pixels.height; top += kBandRows) {
    append_band(text, pixels, top);
  }
  return text + "\x1b\\\n";
}

}  // namespace headroom::report
