#pragma once

namespace headroom::engine {

/// What a primitive of ours does with memory, for the walk over a graph (engine/graph_walk.h).
/// MLX's own are known to the walk by name.
class DeclaredMemory {
 public:
  virtual ~DeclaredMemory() = default;

  enum class Output {
    kFresh,   ///< of its own
    kReuse,   ///< the buffer of `reused()` where nobody else holds it, else of its own
    kShared,  ///< the buffer of the first input
  };

  virtual Output output() const = 0;

  /// Index of the input whose buffer may become the output's.
  virtual int reused() const { return 0; }

  /// The work before it is waited for, so that what that work has let go is free.
  virtual bool settles() const { return false; }
};

}  // namespace headroom::engine
