#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/json.h"
#include "memory/reading.h"

namespace headroom::memory {

/// What a run is doing. kEncode, kPrefill and kDecode: of kAsk, where the engine tells.
enum class RunPhase { kIdle, kLoad, kAsk, kEncode, kPrefill, kDecode, kClean, kUnload };
/// "idle", "load", "ask", "encode", "prefill", "decode", "clean", "unload".
std::string_view to_string(RunPhase phase);
/// The opposite; empty for any other text.
std::optional<RunPhase> phase_from_string(std::string_view text);

/// What is known of a moment beside the sensors.
struct Moment {
  RunPhase phase = RunPhase::kIdle;
  std::string group;  ///< empty outside groups
  std::string item;   ///< id of the group's first open item; empty outside groups
};

/// One figure over a span of time.
struct Range {
  Bytes low;
  Bytes high;
  Bytes last;

  auto operator<=>(const Range&) const = default;
};

/// The readings of one span of time, drawn together: no peak and no trough is lost by it. Spans
/// begin at whole multiples of their width, so that those of the same time fit together whoever
/// made them.
struct ReadingSpan {
  using Width = std::chrono::milliseconds;

  WallTime begin{};
  Width width{};
  std::uint64_t readings = 0;
  // Of the highest of its readings, of equal ones the first.
  RunPhase phase = RunPhase::kIdle;
  std::string group;
  // A figure that no reading had is empty.
  std::optional<Range> footprint;  ///< supervisor and workers together; the worker's own high-water
                                   ///< mark counts where it has risen
  std::optional<Range> active;     ///< of the allocator; its own peak counts
  std::optional<Range> cache;
  std::optional<Range> device;     ///< active and cache together: what a device's budget counts
  std::optional<Range> available;  ///< of the machine
  std::optional<Range> device_free;

  WallTime end() const { return begin + width; }
};

/// One figure of a span with its name: "footprint", …
struct SpanFigure {
  std::string_view name;
  std::optional<Range> ReadingSpan::* range;
};

/// All of them, in the order of the struct.
std::span<const SpanFigure> span_figures();

/// {"time", "seconds", "readings", "phase", "group", "footprint_bytes": {"low", "high", "last"},
/// …}: figures that were not read and an empty group are left out.
Json to_json(const ReadingSpan& span);

/// Adds to a span what came after its own readings; the widths' larger one is kept.
void append(ReadingSpan& span, const ReadingSpan& later);

/// The largest multiple of `width` since 1970 that is not after `time`.
WallTime aligned(WallTime time, ReadingSpan::Width width);

/// Draws spans in order of time that begin within the same `width` together; wider ones stay.
void thin(std::vector<ReadingSpan>& spans, ReadingSpan::Width width);

/// Readings over time, bounded: when there is no room for one more span, the width doubles until
/// neighbours that became one have made room. Memory: at most `capacity` spans of about 300 bytes.
/// Pure; thread: one at a time.
class ReadingSeries {
 public:
  /// The width that a series begins with, that of the sampler's period.
  static constexpr ReadingSpan::Width kWidth{50};
  /// Seven minutes of 20 readings a second; beyond that spans of 100 ms, and so on.
  static constexpr std::size_t kCapacity = 8192;

  explicit ReadingSeries(std::size_t capacity = kCapacity);

  /// Takes a reading in. One without a time has no place and is left out. `footprint_high`: what
  /// the footprint had risen to since the reading before, if that is known.
  void add(const Reading& reading,
           const Moment& moment,
           std::optional<Bytes> footprint_high = std::nullopt);
  /// The same for a span, as wide as this series' own ones or wider.
  void add(ReadingSpan span);

  /// In order of time.
  const std::vector<ReadingSpan>& spans() const { return spans_; }

  /// What it has, which it forgets; the next begins with kWidth again.
  std::vector<ReadingSpan> drain();

 private:
  std::size_t capacity_;
  ReadingSpan::Width width_ = kWidth;
  std::vector<ReadingSpan> spans_;
};

}  // namespace headroom::memory
