#pragma once

#include <cstdint>
#include <string_view>

#include "memory/cleanup_policy.h"

namespace headroom::memory {

/// Every N questions, or every N pictures, since the last clean-up: normal.
class PeriodicPolicy final : public CleanupPolicy {
 public:
  static constexpr std::uint32_t kQuestions = 5;
  static constexpr std::uint32_t kPictures = 3;

  enum class Unit { kQuestions, kPictures };

  PeriodicPolicy(Unit unit, std::uint32_t every) : unit_(unit), every_(every) {}

  std::string_view name() const override { return "periodic"; }

 private:
  CleanDecision answer(const History& history, const Upcoming& next) override;

  Unit unit_;
  std::uint32_t every_;  ///< 0: never
};

}  // namespace headroom::memory
