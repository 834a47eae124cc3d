#pragma once

#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/errors.h"
#include "engine/device.h"

namespace headroom::engine {

/// The group's time is over: the items without an answer get outcome `timeout`.
class DeadlineError : public Error {
  using Error::Error;
};

/// The model gave no usable numbers: outcome `model`.
class ModelError : public Error {
  using Error::Error;
};

/// What is being computed.
enum class Phase { kEncode, kPrefill, kDecode };
/// "encode", "prefill", "decode".
std::string_view to_string(Phase phase);

/// What may stop an evaluation midway.
struct GuardLimits {
  std::function<bool()> cancelled;      ///< empty: never
  std::optional<TimePoint> deadline;    ///< on `clock`
  std::optional<Bytes> memory;          ///< most active bytes of the allocator
  std::optional<Bytes> throttle;        ///< on a GPU: above so many, a watch waits for queued work
  std::function<void(Bytes)> foreseen;  ///< told the active bytes that a step would reach
  const Clock* clock = nullptr;         ///< needed with a deadline
  std::function<void(Phase)> looked;    ///< called at each look, before the limits; empty: nobody
};

/// Looks at its limits when asked, and between layers while MLX evaluates.
/// Thread: MLX thread. Must outlive every array that `watch` returned.
class Guard {
 public:
  Guard() = default;

  explicit Guard(GuardLimits limits) : limits_(std::move(limits)) {}

  /// Throws: Cancelled; DeadlineError("E-TIMEOUT"); BudgetError("E-MEM-GUARD") with both sizes.
  void check() const;

  /// True where the allocator holds more than the throttle.
  bool wants_wait() const;

  /// Says what is computed from now on.
  void enter(Phase phase) const { phase_ = phase; }

  /// Walks a step that is built and not yet evaluated (graph_walk.h); nothing where there is
  /// neither a limit nor anybody to tell. For steps of many tokens: it costs some microseconds an
  /// operation. Throws: BudgetError("E-MEM-GUARD") with what is held, what the step would take, and
  /// the limit.
  void foresee(const std::vector<mx::array>& outputs) const;

  /// The same array; when its evaluation is reached, `check` runs, and what it throws comes out of
  /// mx::eval. Afterwards drop every array of that graph, then `settle`.
  /// On a CPU it also waits for the work before it: MLX would otherwise allocate the results of up
  /// to a hundred operations ahead of the thread that computes them, several layers' worth. So what
  /// stands between two watches bounds the memory in use.
  /// Memory: none; the buffer is shared.
  mx::array watch(const mx::array& x) const;

 private:
  GuardLimits limits_;
  mutable Phase phase_ = Phase::kEncode;
};

/// Waits for what is still running after an evaluation that threw. Never throws.
void settle() noexcept;

}  // namespace headroom::engine
