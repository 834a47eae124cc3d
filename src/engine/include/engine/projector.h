#pragma once

#include <string>

#include "engine/layers.h"
#include "engine/ops.h"

namespace headroom::engine {

/// Two matrices with an activation between them, from the vision tower's width to the decoder's.
class Projector {
 public:
  /// Takes `first`.weight [inner, in] and `second`.weight [out, inner], with their biases. `inner`
  /// 0: as `out`.
  Projector(Weights& weights,
            Ops ops,
            const std::string& first,
            const std::string& second,
            int in,
            int out,
            Activation activation,
            bool bias,
            int inner = 0);

  /// [n, in] -> [n, out].
  mx::array project(const mx::array& x) const;

 private:
  Ops ops_;
  Linear first_;
  Linear second_;
  Activation activation_;
};

}  // namespace headroom::engine
