#pragma once

#include <array>
#include <cstddef>

#include "base/json.h"

namespace headroom::memory {

/// Linear regression with Gaussian weights and unknown noise, learnt one sample at a time (ridge:
/// normal-inverse-gamma). Old samples are forgotten towards the prior, so that it follows changes
/// and never becomes more certain than the recent ones allow. Observations and features are in
/// units of the noise that is expected of them. Deterministic. Thread: one.
class OnlineRegression {
 public:
  static constexpr std::size_t kSize = 4;
  using Vector = std::array<double, kSize>;
  using Matrix = std::array<Vector, kSize>;

  /// Of an observation yet to come.
  struct Estimate {
    double mean = 0;
    double deviation = 0;  ///< of the weights and the noise together
  };

  /// Weights are 0 with these deviations before anything was seen. None may be 0.
  explicit OnlineRegression(const Vector& prior_deviations);

  Estimate predict(const Vector& x) const;
  /// `weight`: how much this sample counts, 0 to 1.
  void learn(const Vector& x, double y, double weight);
  /// Gives up all but the share `keep` of what was learnt.
  void forget(double keep);

  Json to_json() const;
  /// With the same prior. Throws InputError("E-CONTRACT") for figures that cannot have been learnt.
  void restore(const Json& json);

 private:
  Vector solve(const Vector& right) const;

  Matrix prior_{};
  Matrix precision_{};
  Vector moment_{};     ///< precision times mean
  double degrees_ = 0;  ///< of freedom, of the noise
  double scatter_ = 0;  ///< sum of squares: noise = scatter / degrees
};

}  // namespace headroom::memory
