#pragma once

#include <cstdint>
#include <optional>

namespace headroom::memory {

/// The largest value in [least, most] for which `good` holds, which must hold below any value for
/// which it does; nothing when it does not hold at `least`.
template <typename Good>
std::optional<std::uint32_t> largest_good(std::uint32_t least,
                                          std::uint32_t most,
                                          const Good& good) {
  if (least > most || !good(least)) {
    return std::nullopt;
  }
  while (least < most) {
    const std::uint32_t middle = least + (most - least + 1) / 2;
    if (good(middle)) {
      least = middle;
    } else {
      most = middle - 1;
    }
  }
  return least;
}

}  // namespace headroom::memory
