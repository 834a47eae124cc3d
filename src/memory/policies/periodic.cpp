#include "memory/policies/periodic.h"

#include <fmt/format.h>

namespace headroom::memory {

CleanDecision PeriodicPolicy::answer(const History& history, const Upcoming&) {
  const bool questions = unit_ == Unit::kQuestions;
  const std::uint64_t since = questions ? history.questions() : history.pictures();
  if (every_ == 0 || since < every_) {
    return {Clean::kNone, "periodic", {}};
  }
  return {Clean::kNormal,
          "periodic",
          fmt::format("{} {} since the last clean-up, every {}",
                      since,
                      questions ? "questions" : "pictures",
                      every_)};
}

}  // namespace headroom::memory
