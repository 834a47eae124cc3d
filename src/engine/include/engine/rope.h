#pragma once

#include <memory>
#include <vector>

namespace headroom::engine {

/// Rotary position embedding over all of a head, in the half-split form: element i is rotated with
/// element i + D/2 by position * theta^(-2i/D).
/// Source: Transformers 5.24, models/llama/modeling_llama.py, LlamaRotaryEmbedding.
class Rope {
 public:
  /// Cosines, then sines, of the first D/2 angles of each position: [positions, D].
  using Table = std::vector<float>;

  Rope(int dim, float theta) : dim_(dim), theta_(theta) {}

  int dim() const { return dim_; }

  float theta() const { return theta_; }

  /// A table of at least `positions` positions, grown by powers of two.
  /// Thread: one at a time; tables handed out stay valid and unchanged.
  std::shared_ptr<const Table> table(int positions) const;

 private:
  int dim_;
  float theta_;
  mutable std::shared_ptr<const Table> table_;
  mutable int positions_ = 0;
};

}  // namespace headroom::engine
