#pragma once

#include "engine/ops.h"

namespace headroom::engine {

/// Ops::decoder_attention by MLX's own operations: rows are padded to a common length for the
/// attention alone; the shared prefix is copied to each row, one layer at a time.
mx::array portable_decoder_attention(const mx::array& qkv,
                                     const Heads& heads,
                                     const Pass& pass,
                                     KvCache& cache,
                                     int layer,
                                     const Rope& rope,
                                     const Reach& reach);

/// Ops::tile_attention by MLX's own operations.
mx::array portable_tile_attention(const mx::array& qkv,
                                  const Heads& heads,
                                  int tiles,
                                  int patches,
                                  const std::optional<mx::array>& angles);

}  // namespace headroom::engine
