#pragma once

#include <vector>

#include "base/bytes.h"
#include "engine/device.h"

namespace headroom::engine {

/// What evaluating arrays would do to the allocator.
struct Walked {
  Bytes peak;  ///< most that would be held beyond what is active now
  std::size_t operations = 0;
};

/// Follows the evaluation of `outputs` without running it: MLX's order, what each operation's
/// result allocates (views and results in a donated buffer nothing), and what is let go. A buffer
/// that is let go counts until the next Guard::watch, since the thread that computes is behind the
/// one that allocates. Temporaries that operations of MLX's own make inside are not seen.
///
/// Requires: arrays of the graph that somebody holds beside it, weights above all, are evaluated;
///           those that are not are taken to go with the graph.
/// Thread: MLX thread; evaluates and allocates nothing.
/// Source: MLX 0.32, mlx/transforms.cpp (eval_impl), mlx/backend/common.
Walked walk_graph(const std::vector<mx::array>& outputs);

}  // namespace headroom::engine
