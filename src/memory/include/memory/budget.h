#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/json.h"
#include "memory/reading.h"

namespace headroom::memory {

/// Which figure a budget holds down. On the CPU and on Metal (one memory for both): the footprint
/// of supervisor and workers together. On a GPU with memory of its own: the engine's use of the
/// device.
enum class Counter { kFootprint, kDevice };
/// "footprint", "device".
std::string_view to_string(Counter counter);

/// What was asked for with --memory: a size, a share of what the machine can give, or (both empty)
/// nothing.
struct BudgetRequest {
  std::optional<Bytes> size;
  std::optional<double> share;  ///< 0..1
  std::string text;             ///< as written
};

/// "512MiB", "1.5GB", "80%", "" (nothing). Throws UsageError("E-MEM-BUDGET") naming the text: no
/// size, a size of 0, a share of 0 or above 100 %.
BudgetRequest parse_budget(std::string_view text);

/// What the machine can give to this run, and by which figure.
struct Capacity {
  Bytes bytes;
  std::string source;  ///< "cgroup limit 2.0 GiB, 0.3 GiB of it used by others"
};

/// The smallest of what the sensors of `reading` allow, with what this run holds already counted as
/// given: the cgroup's limit less what others use in it, MemAvailable and own footprint, or the
/// device's free memory and own use. Empty when no sensor was read.
std::optional<Capacity> capacity(const Reading& reading, Counter counter);

/// How much the run may use.
struct Budget {
  Bytes limit;
  Counter counter = Counter::kFootprint;
  std::string source;  ///< "512.0 MiB from --memory", "80 % of 7.9 GiB: MemAvailable 7.9 GiB, …"
  std::optional<Bytes> capacity;   ///< what the machine could give when this was decided
  std::optional<Bytes> requested;  ///< a size given by the user
  std::string warning;  ///< when the user asked for more than there is: both numbers; else empty
  std::optional<Bytes> host_capacity;  ///< beside a device's budget: what the host can give
};

/// The reserve that the default budget leaves to the rest of the machine: a tenth of what it can
/// give, at least 64 MiB, at most 4 GiB.
Bytes machine_reserve(Bytes capacity);

/// The least of the user's cap, the device's limit and what is there now. Without a request: what
/// is there less machine_reserve. `reading`: one of the system, merged with the worker's from
/// `hello` where there is a device. Throws UsageError("E-MEM-BUDGET") when a share was asked for
/// and no sensor says of what, or nothing was asked for and nothing was read.
Budget resolve_budget(const BudgetRequest& request, const Reading& reading, Counter counter);

/// What the run may use now: the budget's limit, or less when the machine can no longer give that
/// much. With its source, as `Capacity`.
Capacity live_limit(const Budget& budget, const Reading& reading);

/// {"limit_bytes", "counter", "source", "capacity_bytes", "requested_bytes", "warning"}.
Json to_json(const Budget& budget);

}  // namespace headroom::memory
