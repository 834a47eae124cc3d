#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "memory/reading.h"
#include "memory/reading_series.h"

namespace headroom::memory {

/// The largest figures seen. `total` is the largest sum of one moment, not the sum of the largest.
struct Peaks {
  std::optional<Bytes> total;  ///< footprint of supervisor and workers together
  std::optional<Bytes> supervisor;
  std::optional<Bytes> worker;
  std::optional<Bytes> device;            ///< active and cache of the engine's allocator
  std::optional<Bytes> lowest_available;  ///< of the machine
  std::uint64_t samples = 0;

  void see(const Reading& reading);
};

/// Looks at a source 20 times a second and keeps the peaks, so that what happens between a group's
/// two readings is seen as well. A spike between two looks shows in the worker's own high-water
/// mark: when that has risen, the moment counts with it. Every look also goes into a series of
/// readings over time, with what the run was doing. Memory: bounded (reading_series.h). Thread: all
/// members may be called from any thread; the source is read by one at a time.
class Sampler {
 public:
  static constexpr Duration kPeriod = std::chrono::milliseconds(50);

  explicit Sampler(MemorySource& source) : source_(source) {}

  ~Sampler();
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  /// From now on `hear` gets each reading, on the thread that looked. Before `start`, once at most.
  void listen(std::function<void(const Reading&)> hear) { hear_ = std::move(hear); }

  /// Looks once, now.
  Reading tick();
  /// The next look takes nothing from an earlier one: processes that only a child of ours knows are
  /// looked for again.
  void renew();

  /// Looks every `period` in a thread of its own until `stop`. Once at most.
  void start(Duration period = kPeriod);
  /// Returns when the thread has ended. Harmless when none was started.
  void stop();

  Peaks peaks() const;   ///< since the start
  Peaks window() const;  ///< since the last `begin_window`
  void begin_window();
  std::optional<Reading> latest() const;

  /// What the run is doing from now on. PhaseMark sets it for a while.
  void set_moment(Moment moment);
  /// The same, group and item being what they were.
  void set_phase(RunPhase phase);
  Moment moment() const;
  /// A worker's own reading, for the series: what its allocator and its device held then. Its
  /// footprint counts for the peaks where the source sees no worker.
  void see(const Reading& worker);
  /// The readings over time since the last call.
  std::vector<ReadingSpan> drain();

 private:
  void loop(Duration period);

  MemorySource& source_;
  std::function<void(const Reading&)> hear_;
  std::mutex reading_;  ///< held while the source is read
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  Peaks peaks_;
  Peaks window_;
  std::optional<Bytes> worker_mark_;  ///< the worker's high-water mark at the last look
  std::optional<Reading> latest_;
  Moment moment_;
  ReadingSeries series_;
  std::thread thread_;
};

/// Says what the run is doing while the mark lives; afterwards it is again what it was before.
class PhaseMark {
 public:
  PhaseMark(Sampler& sampler, RunPhase phase);
  PhaseMark(Sampler& sampler, Moment moment);
  ~PhaseMark();
  PhaseMark(const PhaseMark&) = delete;
  PhaseMark& operator=(const PhaseMark&) = delete;

 private:
  Sampler& sampler_;
  Moment before_;
};

}  // namespace headroom::memory
