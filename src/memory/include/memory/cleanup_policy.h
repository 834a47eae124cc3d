#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "memory/budget.h"
#include "memory/reading.h"

namespace headroom::memory {

/// How much to clean: one cycle of collecting and giving the allocator's cache back, or three.
enum class Clean { kNone, kNormal, kAggressive };
/// "none", "normal", "aggressive".
std::string_view to_string(Clean clean);

/// A policy's answer. The reason has the numbers compared, also of "none" when that needs one.
struct CleanDecision {
  Clean clean = Clean::kNone;
  std::string policy;  ///< which: "periodic", "adaptive", "periodic + adaptive"
  std::string reason;
};

/// What was in use at one moment, split by what can be had back.
struct Usage {
  Bytes held;         ///< counts against the limit: live data and overhead; this is pressure
  Bytes reclaimable;  ///< the allocator's cache: given back when asked, never pressure
  Bytes limit;        ///< the budget's, of that moment

  Bytes total() const { return held + reclaimable; }

  double pressure() const;  ///< held / limit
};

/// Empty when the counter's sensors were not read.
std::optional<Usage> usage(const Reading& reading, Counter counter, Bytes limit);

/// One group, as policies look back on it.
struct GroupUsage {
  std::uint32_t questions = 0;
  std::uint32_t pictures = 0;
  std::optional<Usage> after;
};

struct CleanUp {
  Clean clean = Clean::kNone;
  std::optional<Usage> before;
  std::optional<Usage> after;
  Bytes freed;  ///< of held and reclaimable together; 0 when it grew
  // Gave back less than 1 MiB, or less than 0.5 % of the limit: of both together, of held alone.
  bool fruitless = true;
  bool unrelieved = true;
};

/// A clean-up judged by what was in use before and after. Without either: fruitless, unrelieved.
CleanUp judge(Clean clean, const std::optional<Usage>& before, const std::optional<Usage>& after);

/// What happened so far, most recent last. Bounded: the last 256 groups and the last clean-up.
class History {
 public:
  void add(const GroupUsage& group);
  void add(const CleanUp& cleanup);

  const std::deque<GroupUsage>& groups() const { return groups_; }

  const std::optional<CleanUp>& last_cleanup() const { return last_; }

  // Since the last clean-up.
  std::uint64_t questions() const { return questions_; }

  std::uint64_t pictures() const { return pictures_; }

  std::uint64_t groups_since() const { return groups_since_; }

  // Clean-ups in a row that were so.
  std::uint32_t fruitless_streak() const { return fruitless_streak_; }

  std::uint32_t unrelieved_streak() const { return unrelieved_streak_; }

  /// Of the last group, or of the last clean-up when that came later.
  std::optional<Usage> current() const;

 private:
  std::deque<GroupUsage> groups_;
  std::optional<CleanUp> last_;
  std::uint64_t questions_ = 0;
  std::uint64_t pictures_ = 0;
  std::uint64_t groups_since_ = 0;
  std::uint32_t fruitless_streak_ = 0;
  std::uint32_t unrelieved_streak_ = 0;
};

/// Decides after each group whether to clean. Implementations may keep state between calls and are
/// asked once for each group. Thread: one.
class CleanupPolicy {
 public:
  virtual ~CleanupPolicy() = default;
  virtual std::string_view name() const = 0;
  virtual CleanDecision decide(const History& history) = 0;
};

}  // namespace headroom::memory
