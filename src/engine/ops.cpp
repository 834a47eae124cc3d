#include "engine/ops.h"

#include "cpu/kernels.h"
#include "portable_attention.h"

namespace headroom::engine {

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
  return kernels_ ? cpu::rms_norm(x, w, eps) : mx::fast::rms_norm(x, w, eps);
}

mx::array Ops::layer_norm(const mx::array& x,
                          const mx::array& w,
                          const mx::array& b,
                          float eps) const {
  return kernels_ ? cpu::layer_norm(x, w, b, eps) : mx::fast::layer_norm(x, w, b, eps);
}

mx::array Ops::silu_multiply(const mx::array& gate_up) const {
  if (kernels_) {
    return cpu::silu_multiply(gate_up);
  }
  const auto halves = mx::split(gate_up, 2, 1);
  return mx::multiply(mx::multiply(halves[0], mx::sigmoid(halves[0])), halves[1]);
}

mx::array Ops::gelu_tanh(mx::array&& x) const {
  if (kernels_) {
    return cpu::gelu_tanh(std::move(x));
  }
  // x * sigmoid(2u) equals x * (1 + tanh(u)) / 2; u = sqrt(2/pi) (x + 0.044715 x^3).
  const mx::Dtype dtype = x.dtype();
  const auto constant = [dtype](float value) { return mx::array(value, dtype); };
  const mx::array cube = mx::multiply(mx::multiply(x, x), x);
  const mx::array u =
      mx::multiply(constant(1.5957691216F), mx::add(x, mx::multiply(constant(0.044715F), cube)));
  return mx::multiply(x, mx::sigmoid(u));
}

mx::array Ops::decoder_attention(mx::array&& qkv,
                                 const Heads& heads,
                                 const std::shared_ptr<const Pass>& pass,
                                 KvCache& cache,
                                 int layer,
                                 const Rope& rope) const {
  if (kernels_) {
    return cpu::decoder_attention(std::move(qkv), heads, pass, cache, layer, rope);
  }
  return portable_decoder_attention(qkv, heads, *pass, cache, layer, rope);
}

mx::array Ops::tile_attention(mx::array&& qkv, const Heads& heads, int tiles, int patches) const {
  if (kernels_) {
    return cpu::tile_attention(std::move(qkv), heads, tiles, patches);
  }
  return portable_tile_attention(qkv, heads, tiles, patches);
}

}  // namespace headroom::engine
