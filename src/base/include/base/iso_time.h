#pragma once

#include <optional>
#include <string_view>

#include "base/clock.h"

namespace headroom {

/// The moment that a text like "2026-11-25T03:46:33Z" or "2026-11-25T03:46:33.250Z" names; nothing
/// for another text.
std::optional<WallTime> time_from_iso(std::string_view text);

}  // namespace headroom
