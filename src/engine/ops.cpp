#include "engine/ops.h"

#include "cpu/kernels.h"
#include "portable_attention.h"

namespace headroom::engine {
namespace {

mx::array portable_activation(const mx::array& x, Activation activation) {
  const mx::Dtype dtype = x.dtype();
  const auto constant = [dtype](float value) { return mx::array(value, dtype); };
  switch (activation) {
    case Activation::kGelu:
      return mx::multiply(
          mx::multiply(x, constant(0.5F)),
          mx::add(mx::erf(mx::multiply(x, constant(0.70710678118654752F))), constant(1.0F)));
    case Activation::kGeluTanh: {
      // x * sigmoid(2u) equals x * (1 + tanh(u)) / 2; u = sqrt(2/pi) (x + 0.044715 x^3).
      const mx::array cube = mx::multiply(mx::multiply(x, x), x);
      const mx::array u = mx::multiply(constant(1.5957691216F),
                                       mx::add(x, mx::multiply(constant(0.044715F), cube)));
      return mx::multiply(x, mx::sigmoid(u));
    }
    case Activation::kQuickGelu:
      return mx::multiply(x, mx::sigmoid(mx::multiply(constant(1.702F), x)));
    case Activation::kSilu:
      break;
  }
  return mx::multiply(x, mx::sigmoid(x));
}

}  // namespace

Ops::Ops(mx::Dtype dtype, Path path)
    : kernels_(path == Path::kBest && dtype == mx::float32 && !on_gpu() && cpu::available()) {}

mx::array Ops::linear(const mx::array& x,
                      const mx::array& w,
                      const std::optional<mx::array>& bias,
                      std::optional<mx::array> residual) const {
  if (kernels_) {
    return cpu::linear(x, w, bias, std::move(residual));
  }
  const mx::array wt = mx::transpose(w);
  if (residual) {
    const mx::array sum = mx::addmm(*residual, x, wt);
    return bias ? mx::add(sum, *bias) : sum;
  }
  return bias ? mx::addmm(*bias, x, wt) : mx::matmul(x, wt);
}

mx::array Ops::rms_norm(const mx::array& x, const mx::array& w, float eps) const {
  if (kernels_) {
    return cpu::rms_norm(x, w, eps);
  }
  return mx::astype(mx::fast::rms_norm(x, w, eps), x.dtype());
}

mx::array Ops::layer_norm(const mx::array& x,
                          const mx::array& w,
                          const mx::array& b,
                          float eps) const {
  return kernels_ ? cpu::layer_norm(x, w, b, eps) : mx::fast::layer_norm(x, w, b, eps);
}

mx::array Ops::gated(const mx::array& gate_up, Activation activation) const {
  if (kernels_) {
    return cpu::gated(gate_up, activation);
  }
  const auto halves = mx::split(gate_up, 2, 1);
  return mx::multiply(portable_activation(halves[0], activation), halves[1]);
}

mx::array Ops::activate(mx::array&& x, Activation activation) const {
  return kernels_ ? cpu::activate(std::move(x), activation) : portable_activation(x, activation);
}

mx::array Ops::head_norms(const mx::array& qkv,
                          const Heads& heads,
                          const mx::array& q_weight,
                          const mx::array& k_weight,
                          float eps) const {
  const int tokens = qkv.shape(0);
  const auto normed = [&](int from, int count, const mx::array& weight) {
    const int width = count * heads.dim;
    const mx::array part =
        mx::reshape(mx::slice(qkv, {0, from}, {tokens, from + width}), {tokens * count, heads.dim});
    return mx::reshape(rms_norm(part, weight, eps), {tokens, width});
  };
  const int queries = heads.query * heads.dim;
  const int keys = heads.kv * heads.dim;
  return mx::concatenate({normed(0, heads.query, q_weight),
                          normed(queries, heads.kv, k_weight),
                          mx::slice(qkv, {0, queries + keys}, {tokens, queries + 2 * keys})},
                         1);
}

mx::array Ops::decoder_attention(mx::array&& qkv,
                                 const Heads& heads,
                                 const std::shared_ptr<const Pass>& pass,
                                 KvCache& cache,
                                 int layer,
                                 const Rope& rope,
                                 const Reach& reach) const {
  if (kernels_) {
    return cpu::decoder_attention(std::move(qkv), heads, pass, cache, layer, rope, reach);
  }
  return portable_decoder_attention(qkv, heads, *pass, cache, layer, rope, reach);
}

mx::array Ops::tile_attention(mx::array&& qkv,
                              const Heads& heads,
                              int tiles,
                              int patches,
                              const std::optional<mx::array>& angles) const {
  if (kernels_) {
    return cpu::tile_attention(std::move(qkv), heads, tiles, patches, angles);
  }
  return portable_tile_attention(qkv, heads, tiles, patches, angles);
}

}  // namespace headroom::engine
