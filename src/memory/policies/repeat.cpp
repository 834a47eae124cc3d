#include "policies/repeat.h"

#include <algorithm>

namespace headroom::memory {

namespace {

constexpr double kGrown = 0.02;
constexpr std::uint32_t kMostDoublings = 5;

}  // namespace

bool may_repeat(const History& history, std::uint32_t streak, Bytes grown, Bytes limit) {
  if (streak == 0 || grown >= scaled(limit, kGrown)) {
    return true;
  }
  return history.groups_since() >= (std::uint64_t{1} << std::min(streak, kMostDoublings));
}

}  // namespace headroom::memory
