#pragma once

#include <memory>
#include <optional>

#include "engine/activation.h"
#include "engine/device.h"
#include "engine/kv_cache.h"
#include "engine/pass.h"
#include "engine/rope.h"

namespace headroom::engine {

/// Heads of an attention. Shapes elsewhere: H query heads, Hkv key heads, D head size.
struct Heads {
  int query = 0;
  int kv = 0;
  int dim = 0;
  float scale = 1.0F;
  float cap = 0.0F;  ///< scores become cap tanh(score / cap); 0: they stay as they are
};

/// Whether MLX runs an attention as one kernel, which holds no scores and repeats no keys for the
/// query heads that share them. Depends on the device, the dtype, the head size and the number of
/// new tokens. Says nothing of the CPU kernels, which hold a block of scores (Ops::kernels).
/// `queries`: new tokens of each row. `masked`: rows of different lengths in one pass.
/// Thread: MLX thread; builds a graph and evaluates nothing.
bool fused_attention(mx::Dtype dtype, const Heads& heads, int queries, bool masked);

/// The operations that models are made of, over packed tokens (pass.h): MLX's own, or, for float32
/// on a CPU, kernels of ours that fuse what MLX would do in several passes and that never hold the
/// attention's scores.
/// Thread: MLX thread; lazy, never synchronises.
class Ops {
 public:
  enum class Path { kBest, kPortable };

  explicit Ops(mx::Dtype dtype, Path path = Path::kBest);

  /// True: the CPU kernels. The KV cache is then written in place, so that each pass must be
  /// evaluated before the next one is built.
  bool kernels() const { return kernels_; }

  /// x w^T + bias + residual. Shapes: x [T, K], w [N, K], bias [N], residual [T, N] -> [T, N].
  mx::array linear(const mx::array& x,
                   const mx::array& w,
                   const std::optional<mx::array>& bias = std::nullopt,
                   std::optional<mx::array> residual = std::nullopt) const;

  /// In x's dtype; w may have more bits, and then the product with it is of as many.
  mx::array rms_norm(const mx::array& x, const mx::array& w, float eps) const;
  mx::array layer_norm(const mx::array& x, const mx::array& w, const mx::array& b, float eps) const;

  /// activation(gate) * up. Shapes: [T, 2I], the gates first -> [T, I].
  mx::array gated(const mx::array& gate_up, Activation activation) const;
  /// Consumes x.
  mx::array activate(mx::array&& x, Activation activation) const;

  /// Normalises each head of queries and of keys by its mean square, as Qwen3 does.
  /// Shapes: qkv [T, (H + 2 Hkv) D], q_weight [D], k_weight [D] -> as qkv.
  mx::array head_norms(const mx::array& qkv,
                       const Heads& heads,
                       const mx::array& q_weight,
                       const mx::array& k_weight,
                       float eps) const;

  /// Rotates queries and keys to their positions, appends keys and values to the rows of `layer`,
  /// and attends causally to prefix and row, as far back as `reach` says.
  /// Shapes: qkv [T, (H + 2 Hkv) D] -> [T, H D].
  /// Requires: the cache has room (cached + count <= capacity); its prefix is pass.prefix.
  mx::array decoder_attention(mx::array&& qkv,
                              const Heads& heads,
                              const std::shared_ptr<const Pass>& pass,
                              KvCache& cache,
                              int layer,
                              const Rope& rope,
                              const Reach& reach = {}) const;

  /// Each of `tiles` runs of `patches` tokens attends to all of itself. With `angles`, queries and
  /// keys are rotated by them first: float32, the cosines and then the sines of a head's D/2
  /// angles. Shapes: qkv [tiles * patches, 3 H D], angles [tiles * patches, D] -> [tiles * patches,
  /// H D].
  mx::array tile_attention(mx::array&& qkv,
                           const Heads& heads,
                           int tiles,
                           int patches,
                           const std::optional<mx::array>& angles = std::nullopt) const;

 private:
  bool kernels_;
};

}  // namespace headroom::engine
