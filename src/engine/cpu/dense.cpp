#include <cblas.h>

#include <utility>

#include "cpu/kernels.h"
#include "cpu/loops.h"
#include "cpu/primitive.h"

namespace headroom::engine::cpu {

bool available() { return true; }

mx::array linear(const mx::array& x,
                 const mx::array& w,
                 const std::optional<mx::array>& bias,
                 std::optional<mx::array> residual) {
  const int rows = x.shape(0);
  const int inner = x.shape(1);
  const int width = w.shape(0);
  std::vector<mx::array> inputs{x, w};
  if (bias) {
    inputs.push_back(*bias);
  }
  const int residual_at = residual ? static_cast<int>(inputs.size()) : -1;
  if (residual) {
    inputs.push_back(*std::exchange(residual, std::nullopt));
  }
  const bool has_bias = bias.has_value();
  const auto run = [=](const std::vector<const float*>& in, float* out) {
    const float* add = has_bias ? in[2] : nullptr;
    const float* start = residual_at < 0 ? nullptr : in[static_cast<std::size_t>(residual_at)];
    start_rows(add, start, out, rows, width);
    const float beta = add == nullptr && start == nullptr ? 0.0F : 1.0F;
    cblas_sgemm(CblasRowMajor,
                CblasNoTrans,
                CblasTrans,
                rows,
                width,
                inner,
                1.0F,
                in[0],
                inner,
                in[1],
                inner,
                beta,
                out,
                width);
  };
  return make_array("Linear", {rows, width}, std::move(inputs), run);
}

mx::array rms_norm(const mx::array& x, const mx::array& w, float eps) {
  const int rows = x.shape(0);
  const int width = x.shape(1);
  return make_array("RmsNorm", x.shape(), {x, w}, [=](const auto& in, float* out) {
    rms_norm_rows(in[0], in[1], out, rows, width, eps);
  });
}

mx::array layer_norm(const mx::array& x, const mx::array& w, const mx::array& b, float eps) {
  const int rows = x.shape(0);
  const int width = x.shape(1);
  return make_array("LayerNorm", x.shape(), {x, w, b}, [=](const auto& in, float* out) {
    layer_norm_rows(in[0], in[1], in[2], out, rows, width, eps);
  });
}

mx::array gated(const mx::array& gate_up, Activation activation) {
  const int rows = gate_up.shape(0);
  const int width = gate_up.shape(1) / 2;
  return make_array("Gated", {rows, width}, {gate_up}, [=](const auto& in, float* out) {
    gated_rows(activation, in[0], out, rows, width);
  });
}

mx::array activate(mx::array&& x, Activation activation) {
  const auto count = static_cast<long>(x.size());
  const mx::Shape shape = x.shape();
  std::vector<mx::array> inputs;
  inputs.push_back(std::move(x));
  return make_array(
      "Activate",
      shape,
      std::move(inputs),
      [=](const auto& in, float* out) { activate_all(activation, in[0], out, count); },
      0);
}

}  // namespace headroom::engine::cpu
