#include "engine/projector.h"

namespace headroom::engine {

Projector::Projector(Weights& weights,
                     Ops ops,
                     const std::string& first,
                     const std::string& second,
                     int in,
                     int out,
                     Activation activation,
                     bool bias,
                     int inner)
    : ops_(ops),
      first_(take_linear(weights, first, inner > 0 ? inner : out, in, bias)),
      second_(take_linear(weights, second, out, inner > 0 ? inner : out, bias)),
      activation_(activation) {}

mx::array Projector::project(const mx::array& x) const {
  const mx::array h = ops_.activate(ops_.linear(x, first_.weight, first_.bias), activation_);
  return ops_.linear(h, second_.weight, second_.bias);
}

}  // namespace headroom::engine
