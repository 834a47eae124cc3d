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
  // Gave back less than is worthwhile: of both together, of held alone.
  bool fruitless = true;
  bool unrelieved = true;
};

/// The least that a clean-up must give back to have been worth it: 1 MiB, or 0.5 % of the limit.
Bytes worthwhile(Bytes limit);

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

  /// What growth is counted from: in use after the last clean-up, before any after the first group.
  const std::optional<Usage>& resting() const { return resting_; }

 private:
  std::deque<GroupUsage> groups_;
  std::optional<CleanUp> last_;
  std::optional<Usage> resting_;
  std::uint64_t questions_ = 0;
  std::uint64_t pictures_ = 0;
  std::uint64_t groups_since_ = 0;
  std::uint32_t fruitless_streak_ = 0;
  std::uint32_t unrelieved_streak_ = 0;
};

/// What is known of the group that comes next, before it is asked.
struct Upcoming {
  std::optional<Usage> now;    ///< in use at this moment; else what the history saw last
  std::optional<Bytes> upper;  ///< bound of its peak, by the budget's counter
  Bytes resting;  ///< of `upper`, what is in use between groups too, the allocator's cache included
};

/// Decides between groups whether to clean. Asked after each group, when the next is not yet known,
/// and before each with what is known of it. Implementations may keep state between calls, but
/// being asked twice about the same history changes nothing. Thread: one.
class CleanupPolicy {
 public:
  virtual ~CleanupPolicy() = default;
  virtual std::string_view name() const = 0;

  /// Never to clean again before a group was asked since the last clean-up.
  CleanDecision decide(const History& history, const Upcoming& next = {});

 protected:
  virtual CleanDecision answer(const History& history, const Upcoming& next) = 0;
};

}  // namespace headroom::memory
