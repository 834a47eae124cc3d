#pragma once

#include <optional>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/json.h"

namespace headroom::memory {

/// What the sensors said at one moment. A sensor that was not read is empty, never 0.
struct Reading {
  WallTime time{};
  // The engine's allocator, as the worker reports it.
  std::optional<Bytes> active;  ///< held by live arrays
  std::optional<Bytes> cache;   ///< held for reuse: reclaimable, never pressure
  std::optional<Bytes> peak;    ///< largest `active` since the last reset (at least `active`)
  // Processes, as the system sees them: private plus resident file pages (Linux VmRSS, macOS
  // phys_footprint).
  std::optional<Bytes> worker_footprint;
  std::optional<Bytes> worker_footprint_peak;  ///< since the last reset
  std::optional<Bytes> supervisor_footprint;
  // The machine.
  std::optional<Bytes> system_available;
  std::optional<Bytes> cgroup_used;
  std::optional<Bytes> cgroup_limit;
  std::optional<Bytes> device_used;  ///< on the GPU, by everybody
  std::optional<Bytes> device_free;
};

/// Only the sensors that were read, as integers of bytes: {"time": "…", "active_bytes": 1, …}.
Json to_json(const Reading& reading);
Reading reading_from_json(const Json& json);

/// One reading now. Implementations: /proc and cgroups, macOS task figures, a script for tests.
/// Thread: called from one thread at a time.
class MemorySource {
 public:
  virtual ~MemorySource() = default;
  /// Never throws: a sensor that fails is left empty.
  virtual Reading read() = 0;
};

}  // namespace headroom::memory
