#pragma once

#include <string_view>

#include "memory/cleanup_policy.h"

namespace headroom::memory {

/// Never cleans (--governor off).
class NoPolicy final : public CleanupPolicy {
 public:
  std::string_view name() const override { return "off"; }

 private:
  CleanDecision answer(const History&, const Upcoming&) override {
    return {Clean::kNone, "off", "switched off"};
  }
};

}  // namespace headroom::memory
