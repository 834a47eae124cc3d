#pragma once

#include <optional>
#include <span>
#include <string>

#include "engine/ops.h"
#include "engine/weights.h"

namespace headroom::engine {

/// A matrix with its bias, where it has one. Shapes: weight [out, in], bias [out].
struct Linear {
  mx::array weight;
  std::optional<mx::array> bias;
};

struct LayerNorm {
  mx::array weight;
  mx::array bias;
};

/// By mean and variance, or, without a bias, by the mean square. Shapes: [E].
struct Norm {
  mx::array weight;
  std::optional<mx::array> bias;
};

mx::array normed(const Ops& ops, const mx::array& x, const Norm& norm, float eps);

/// `name`.weight and, with `bias`, `name`.bias. As all of these: Weights::take.
Linear take_linear(Weights& weights, const std::string& name, int out, int in, bool bias = true);
/// Matrices one below the other, each `rows[i]` high, all `in` wide, as one.
Linear take_stacked(Weights& weights,
                    std::span<const std::string> names,
                    std::span<const int> rows,
                    int in,
                    bool bias);
/// `less_one`: stored is the weight less one, as Gemma does.
mx::array take_rms_norm(Weights& weights, const std::string& name, int width, bool less_one);
Norm take_norm(
    Weights& weights, const std::string& name, int width, bool bias, bool less_one = false);
LayerNorm take_layer_norm(Weights& weights, const std::string& name, int width);

}  // namespace headroom::engine
