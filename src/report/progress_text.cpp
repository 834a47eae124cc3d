#include <fmt/format.h>

#include <algorithm>
#include <cmath>

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

std::string memory_part(const run::Progress& progress, const Style& style) {
  if (!progress.used && !progress.peak) {
    return {};
  }
  const Bytes used = progress.used ? *progress.used : progress.peak.value_or(Bytes());
  if (!progress.budget) {
    return fmt::format("{} {} peak {}",
                       progress.counter,
                       to_string(used),
                       to_string(progress.peak.value_or(used)));
  }
  const Bytes peak = progress.peak.value_or(used);
  const double share = static_cast<double>(used.count()) /
                       std::max(1.0, static_cast<double>(progress.budget->count()));
  const Tone tone = share >= kRed ? Tone::kBad : share >= kAmber ? Tone::kWarning : Tone::kPlain;
  return toned(fmt::format("{} {}/{} {} peak {}",
                           progress.counter,
                           in_unit_of(used, *progress.budget),
                           to_string(*progress.budget),
                           bar(share),
                           in_unit_of(peak, *progress.budget)),
               tone,
               style);
}

}  // namespace

std::string progress_text(const run::Progress& progress, const Style& style) {
  std::string text = fmt::format("{}/{}", progress.done, progress.items);
  if (progress.done_now > 0 && progress.seconds_now > 0) {
    const double speed = static_cast<double>(progress.done_now) / progress.seconds_now;
    text += fmt::format(" · {:.1f} q/s", speed);
    if (progress.items > progress.done) {
      text += fmt::format(
          " · ETA {}", duration_text(static_cast<double>(progress.items - progress.done) / speed));
    }
  }
  if (progress.tally != nullptr) {
    if (const auto accuracy = progress.tally->accuracy()) {
      text += " · accuracy " + accuracy_text(accuracy);
    }
  }
  if (const std::string memory = memory_part(progress, style); !memory.empty()) {
    text += " · " + memory;
  }
  text += toned(fmt::format(" · failed {}", progress.failed),
                progress.failed > 0 ? Tone::kWarning : Tone::kPlain,
                style);
  if (progress.restarts > 0) {
    text += fmt::format(" · restarts {}", progress.restarts);
  }
  return spelt(std::move(text), style);
}

}  // namespace headroom::report
