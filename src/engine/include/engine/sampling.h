#pragma once

#include <cstdint>
#include <span>

#include "engine/generate.h"

namespace headroom::engine {

/// The largest logit's token, and, for `top` > 0, its log-probability and the `top` best.
/// Of equal logits the lowest id wins, as in torch.argmax.
/// Throws: ModelError("E-MODEL-NAN") if a logit is not finite, ModelError("E-MODEL-ZERO") if all
/// are zero: what an engine that ran out of memory leaves behind.
TokenChoice choose_greedy(std::span<const float> logits, std::uint32_t top);

}  // namespace headroom::engine
