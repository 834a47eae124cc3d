#pragma once

#include <cstdint>

#include "memory/cleanup_policy.h"

namespace headroom::memory {

/// Whether to clean again after `streak` clean-ups in vain: when 2 % of the limit were added since
/// the last one (`grown`), or after a pause of 2, 4, 8 … at most 32 groups.
bool may_repeat(const History& history, std::uint32_t streak, Bytes grown, Bytes limit);

}  // namespace headroom::memory
