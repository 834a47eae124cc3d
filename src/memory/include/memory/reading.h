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
  // Processes, as the system sees them: resident pages, those of files included, and what was
  // swapped out (process_footprint.h).
  std::optional<Bytes> worker_footprint;
  std::optional<Bytes> worker_footprint_peak;  ///< since the last reset
  std::optional<Bytes> supervisor_footprint;
  // The machine.
  std::optional<Bytes> system_available;
  std::optional<Bytes> cgroup_used;  ///< less file pages that the kernel drops first
  std::optional<Bytes> cgroup_limit;
  std::optional<Bytes> device_used;  ///< on the GPU, by everybody
  std::optional<Bytes> device_free;
};

/// Only the sensors that were read, as integers of bytes: {"time": "2026-01-02T03:04:05.678Z",
/// "active_bytes": 1, …}. The time is left out when it was never set.
Json to_json(const Reading& reading);
/// Ignores unknown keys. Throws InputError("E-CONTRACT") naming a key that is not a size in bytes.
Reading reading_from_json(const Json& json);

/// The footprint of supervisor and workers together; empty when neither was read.
std::optional<Bytes> total_footprint(const Reading& reading);
/// One reading out of two of the same moment: each sensor from `first`, else from `second`.
Reading merged(const Reading& first, const Reading& second);

/// One reading now. Implementations: /proc and cgroups, macOS task figures, a script for tests.
/// Thread: called from one thread at a time.
class MemorySource {
 public:
  virtual ~MemorySource() = default;
  /// Never throws: a sensor that fails is left empty.
  virtual Reading read() = 0;

  /// The next reading takes nothing from an earlier one, whatever that costs.
  virtual void renew() {}
};

}  // namespace headroom::memory
