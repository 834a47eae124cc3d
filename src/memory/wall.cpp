#include "memory/wall.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/errors.h"

namespace headroom::memory {

namespace {

constexpr double kSpareShare = 0.05;
constexpr Bytes kLeastSpare = 8_MiB;
constexpr double kNotedMove = 0.01;
constexpr Bytes kLeastMove = 1_MiB;

constexpr std::array<std::pair<std::string_view, WallMode>, 4> kModes = {{
    {"auto", WallMode::kAuto},
    {"kernel", WallMode::kKernel},
    {"watch", WallMode::kWatch},
    {"off", WallMode::kOff},
}};

}  // namespace

std::string_view to_string(WallMode mode) {
  return kModes.at(static_cast<std::size_t>(mode)).first;
}

WallMode parse_wall(std::string_view word) {
  for (const auto& [name, mode] : kModes) {
    if (name == word) {
      return mode;
    }
  }
  throw UsageError("E-WALL", fmt::format("--wall {}: write auto, kernel, watch or off", word));
}

std::optional<WallLine> wall_line(const Budget& budget, const Reading& now) {
  if (budget.counter != Counter::kFootprint) {
    return std::nullopt;
  }
  const Bytes supervisor = now.supervisor_footprint.value_or(Bytes());
  const Capacity live = live_limit(budget, now);
  WallLine line;
  line.limit = saturating_minus(live.bytes, supervisor);
  line.text = fmt::format("{} = {} less {} of the supervisor",
                          to_string(line.limit),
                          to_string(live.bytes),
                          to_string(supervisor));
  const Bytes held = now.worker_footprint.value_or(Bytes());
  const Bytes least = held + std::max(kLeastSpare, scaled(held, kSpareShare));
  if (held > Bytes() && line.limit < least) {
    line.text =
        fmt::format("{}, where {} are held: {}", line.text, to_string(held), to_string(least));
    line.limit = least;
  }
  return line;
}

bool moved(Bytes standing, Bytes wished) {
  const Bytes change = standing > wished ? standing - wished : wished - standing;
  return change >= std::max(kLeastMove, scaled(standing, kNotedMove));
}

std::optional<std::string> beyond_wall(Bytes held, Bytes limit) {
  if (held <= limit) {
    return std::nullopt;
  }
  return fmt::format("footprint {} > {}", to_string(held), to_string(limit));
}

}  // namespace headroom::memory
