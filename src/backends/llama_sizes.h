#pragma once

#include <vector>

#include "backends/backend.h"
#include "gguf_model.h"

namespace headroom::backends {

/// Tokens that a question of the run takes at most, its answer included; from 1 on.
std::uint64_t tokens_needed(const GgufModel& model,
                            const std::vector<worker::PictureSize>& pictures,
                            const Sizing& sizing);

/// Slots and context that fit: up to `slots`, each with room for twice the need where there is
/// some, else for the need alone; fewer slots before less than that. Where nothing fits, one slot
/// with the need. Never more context than the model was trained for.
ServerSizes choose_sizes(const GgufModel& model,
                         Bytes engine,
                         const std::vector<worker::PictureSize>& pictures,
                         const Sizing& sizing,
                         std::uint32_t slots);

}  // namespace headroom::backends
