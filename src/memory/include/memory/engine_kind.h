#pragma once

#include <string_view>

#include "memory/budget.h"
#include "memory/policies/adaptive.h"
#include "memory/policies/dynamic_interval.h"
#include "memory/policies/growth_line.h"
#include "memory/policies/predictive.h"

namespace headroom::memory {

/// What a model runs on, as far as cleaning up goes.
enum class KindOfEngine {
  kMlx,
  kTorch,
  kServerChild,  ///< a server that was started for the run
  kServer        ///< one that is only addressed
};
/// "mlx", "torch", "server child", "server".
std::string_view to_string(KindOfEngine kind);

/// Of a model's engine by that name ("gguf": a server child); MLX where it is another.
KindOfEngine kind_of_engine(std::string_view name);

/// What a clean-up means there and when it is worthwhile.
struct EngineTraits {
  KindOfEngine kind{};
  Counter counter{};            ///< a device of its own, or one memory for all
  std::string_view normal;      ///< what a normal clean-up does
  std::string_view aggressive;  ///< what an aggressive one does
  bool cycles = true;           ///< a cycle frees something: else only the growth line is followed
  bool cleans = true;           ///< else no policy ever asks for a clean-up
  AdaptiveSettings adaptive;
  DynamicIntervalSettings interval;
  PredictiveSettings predictive;
  GrowthLineSettings growth_line;
};

const EngineTraits& traits_of(KindOfEngine kind, Counter counter);

}  // namespace headroom::memory
