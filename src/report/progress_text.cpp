#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "report/terminal.h"
#include "text.h"

namespace headroom::report {

namespace {

constexpr double kAmber = 0.80;
constexpr double kRed = 0.95;
constexpr int kBarCells = 4;
constexpr double kStep = 1024.0;  // between KiB, MiB, GiB

std::string bar(double share) {
  const int full = static_cast<int>(std::lround(std::clamp(share, 0.0, 1.0) * kBarCells));
  std::string text;
  for (int i = 0; i < kBarCells; ++i) {
    text += i < full ? "█" : "░";
  }
  return text;
}

/// A figure in the unit that another one is printed with: "9.4" beside "12.0 GiB".
std::string in_unit_of(Bytes bytes, Bytes other) {
  auto unit = static_cast<double>(other.count());
  auto figure = static_cast<double>(bytes.count());
  while (unit >= kStep) {
    unit /= kStep;
    figure /= kStep;
  }
  return other < Bytes(1024) ? fmt::format("{:.0f}", figure) : fmt::format("{:.1f}", figure);
}

/// A piece of the line. Where the line is too long, pieces go by their rank, the highest first.
struct Piece {
  std::string_view separator;
  std::string text;
  int rank;  ///< 0: stays
};

constexpr std::string_view kDot = " · ";

void add_memory(const run::Progress& progress, const Style& style, std::vector<Piece>& pieces) {
  if (!progress.used && !progress.peak) {
    return;
  }
  const Bytes used = progress.used ? *progress.used : progress.peak.value_or(Bytes());
  const Bytes peak = progress.peak.value_or(used);
  if (!progress.budget) {
    pieces.push_back({kDot, fmt::format("{} {}", progress.counter, to_string(used)), 3});
    pieces.push_back({" ", fmt::format("peak {}", to_string(peak)), 7});
    return;
  }
  const double share = static_cast<double>(used.count()) /
                       std::max(1.0, static_cast<double>(progress.budget->count()));
  const Tone tone = share >= kRed ? Tone::kBad : share >= kAmber ? Tone::kWarning : Tone::kPlain;
  const std::string figures = fmt::format("{} {}/{}",
                                          progress.counter,
                                          in_unit_of(used, *progress.budget),
                                          to_string(*progress.budget));
  pieces.push_back({kDot, toned(figures, tone, style), 2});
  pieces.push_back({" ", toned(bar(share), tone, style), 8});
  pieces.push_back(
      {" ", toned(fmt::format("peak {}", in_unit_of(peak, *progress.budget)), tone, style), 7});
}

void add_speed(const run::Progress& progress, std::vector<Piece>& pieces) {
  if (progress.done_now == 0 || progress.seconds_now <= 0) {
    return;
  }
  const double speed = static_cast<double>(progress.done_now) / progress.seconds_now;
  pieces.push_back({kDot, fmt::format("{:.1f} q/s", speed), 6});
  if (progress.items > progress.done) {
    const auto left = static_cast<double>(progress.items - progress.done);
    pieces.push_back({kDot, fmt::format("ETA {}", duration_text(left / speed)), 4});
  }
}

std::vector<Piece> pieces_of(const run::Progress& progress, const Style& style) {
  std::vector<Piece> pieces{{"", fmt::format("{}/{}", progress.done, progress.items), 0}};
  add_speed(progress, pieces);
  if (progress.tally != nullptr) {
    if (const auto accuracy = progress.tally->accuracy()) {
      pieces.push_back({kDot, progress.measure + " " + accuracy_text(accuracy), 5});
    }
  }
  add_memory(progress, style, pieces);
  const bool failed = progress.failed > 0;
  pieces.push_back({kDot,
                    toned(fmt::format("failed {}", progress.failed),
                          failed ? Tone::kWarning : Tone::kPlain,
                          style),
                    failed ? 1 : 9});
  if (progress.restarts > 0) {
    pieces.push_back({kDot, fmt::format("restarts {}", progress.restarts), 3});
  }
  return pieces;
}

std::string joined(const std::vector<Piece>& pieces, const Style& style) {
  std::string text;
  for (const Piece& piece : pieces) {
    text += fmt::format("{}{}", piece.separator, piece.text);
  }
  return spelt(std::move(text), style);
}

}  // namespace

std::string progress_text(const run::Progress& progress,
                          const Style& style,
                          std::optional<std::size_t> width) {
  std::vector<Piece> pieces = pieces_of(progress, style);
  std::string text = joined(pieces, style);
  while (width && shown_width(text) > *width && pieces.size() > 1) {
    pieces.erase(std::max_element(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) {
      return a.rank < b.rank;
    }));
    text = joined(pieces, style);
  }
  return width && shown_width(text) > *width ? spelt(shortened(text, *width), style) : text;
}

}  // namespace headroom::report
