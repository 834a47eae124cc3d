#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "memory/budget.h"
#include "memory/cleanup_policy.h"
#include "memory/engine_kind.h"

namespace headroom::memory {

/// What the choice of policies depends on.
struct PolicyChoice {
  KindOfEngine kind = KindOfEngine::kMlx;
  Counter counter = Counter::kFootprint;
  std::uint32_t every_questions = 0;  ///< a periodic clean-up that was asked for; 0: none
  std::uint32_t every_pictures = 0;
};

/// Predictive, adaptive and dynamic interval with the settings of the kind of engine (a server
/// child's: its growth line), and what periodic clean-up was asked for. Where memory is ample none
/// of them cleans.
std::unique_ptr<CleanupPolicy> default_policy(const PolicyChoice& choice = {});

/// "auto" (default_policy), "off", or a list with commas of "auto", "periodic", "adaptive",
/// "dynamic", "predictive". "periodic" without a number cleans every 5 questions and every 3
/// pictures. Throws UsageError("E-USAGE-VALUE") naming the word that is unknown, empty, given
/// twice, or beside "off".
std::unique_ptr<CleanupPolicy> parse_policies(std::string_view words,
                                              const PolicyChoice& choice = {});

}  // namespace headroom::memory
