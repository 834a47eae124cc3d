#include "engine/layers.h"

#include <vector>

namespace headroom::engine {
namespace {

std::vector<std::string> with(std::span<const std::string> names, const char* kind) {
  std::vector<std::string> full(names.begin(), names.end());
  for (std::string& name : full) {
    name += kind;
  }
  return full;
}

}  // namespace

mx::array normed(const Ops& ops, const mx::array& x, const Norm& norm, float eps) {
  return norm.bias ? ops.layer_norm(x, norm.weight, *norm.bias, eps)
                   : ops.rms_norm(x, norm.weight, eps);
}

Linear take_linear(Weights& weights, const std::string& name, int out, int in, bool bias) {
  Linear linear{weights.take(name + ".weight", {out, in}), std::nullopt};
  if (bias) {
    linear.bias = weights.take(name + ".bias", {out});
  }
  return linear;
}

Linear take_stacked(Weights& weights,
                    std::span<const std::string> names,
                    std::span<const int> rows,
                    int in,
                    bool bias) {
  Linear linear{weights.take_stacked(with(names, ".weight"), rows, in), std::nullopt};
  if (bias) {
    linear.bias = weights.take_stacked(with(names, ".bias"), rows, 0);
  }
  return linear;
}

mx::array take_rms_norm(Weights& weights, const std::string& name, int width, bool less_one) {
  return less_one ? weights.take_raised(name, {width}, 1.0F) : weights.take(name, {width});
}

Norm take_norm(Weights& weights, const std::string& name, int width, bool bias, bool less_one) {
  Norm norm{take_rms_norm(weights, name + ".weight", width, less_one), std::nullopt};
  if (bias) {
    norm.bias = weights.take(name + ".bias", {width});
  }
  return norm;
}

LayerNorm take_layer_norm(Weights& weights, const std::string& name, int width) {
  return {weights.take(name + ".weight", {width}), weights.take(name + ".bias", {width})};
}

}  // namespace headroom::engine
