#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "memory/budget.h"
#include "memory/reading.h"

namespace headroom::memory {

/// What may hold the workers from outside when everything within failed: the kernel where it can be
/// had and else the watch, one of the two alone, or nothing.
enum class WallMode { kAuto, kKernel, kWatch, kOff };
/// "auto", "kernel", "watch", "off".
std::string_view to_string(WallMode mode);
/// Throws UsageError("E-WALL") naming the word.
WallMode parse_wall(std::string_view word);

/// Where the outer wall stands: the most that the workers may hold together, by footprint.
struct WallLine {
  Bytes limit;
  std::string text;  ///< "500.0 MiB = 512.0 MiB less 12.0 MiB of the supervisor"
};

/// The budget's limit of now less the supervisor's footprint; but never below what the workers hold
/// already and a twentieth of it (at least 8 MiB): a wall that moved onto them would kill what is
/// about to be cleaned. Empty for a budget of device memory, which no system limit counts.
std::optional<WallLine> wall_line(const Budget& budget, const Reading& now);

/// Worth a change of the limit: 1 MiB or a hundredth, whichever is more.
bool moved(Bytes standing, Bytes wished);

/// Why a worker that holds `held` must be killed at a wall of `limit`; empty: it stays.
std::optional<std::string> beyond_wall(Bytes held, Bytes limit);

}  // namespace headroom::memory
