#include "memory/reading_series.h"

#include <algorithm>
#include <array>
#include <utility>

namespace headroom::memory {

namespace {

using std::chrono::milliseconds;

/// In the order of the enumerators.
constexpr std::array<std::string_view, 8> kPhases = {
    "idle", "load", "ask", "encode", "prefill", "decode", "clean", "unload"};

constexpr std::array<SpanFigure, 6> kFigures = {{
    {"footprint", &ReadingSpan::footprint},
    {"active", &ReadingSpan::active},
    {"cache", &ReadingSpan::cache},
    {"device", &ReadingSpan::device},
    {"available", &ReadingSpan::available},
    {"device_free", &ReadingSpan::device_free},
}};

std::optional<Range> range_of(const std::optional<Bytes>& value,
                              const std::optional<Bytes>& high = std::nullopt) {
  if (!value) {
    return std::nullopt;
  }
  return Range{*value, std::max(*value, high.value_or(*value)), *value};
}

/// By which of two spans the highest reading is told: the footprint where there is one.
Bytes height(const ReadingSpan& span) {
  if (span.footprint) {
    return span.footprint->high;
  }
  return span.device ? span.device->high : Bytes();
}

ReadingSpan span_of(const Reading& reading,
                    const Moment& moment,
                    const std::optional<Bytes>& footprint_high) {
  ReadingSpan span;
  span.begin = reading.time;
  span.readings = 1;
  span.phase = moment.phase;
  span.group = moment.group;
  span.footprint = range_of(total_footprint(reading), footprint_high);
  span.active = range_of(reading.active, reading.peak);
  span.cache = range_of(reading.cache);
  if (reading.active) {
    span.device = range_of(*reading.active + reading.cache.value_or(Bytes()), reading.peak);
  }
  span.available = range_of(reading.system_available);
  span.device_free = range_of(reading.device_free);
  return span;
}

}  // namespace

std::string_view to_string(RunPhase phase) { return kPhases.at(static_cast<std::size_t>(phase)); }

std::optional<RunPhase> phase_from_string(std::string_view text) {
  const auto* const found = std::find(kPhases.begin(), kPhases.end(), text);
  if (found == kPhases.end()) {
    return std::nullopt;
  }
  return static_cast<RunPhase>(found - kPhases.begin());
}

std::span<const SpanFigure> span_figures() { return kFigures; }

Json to_json(const ReadingSpan& span) {
  Json json = {{"time", iso_time_milliseconds(span.begin)},
               {"seconds", seconds(span.width)},
               {"readings", span.readings},
               {"phase", to_string(span.phase)}};
  if (!span.group.empty()) {
    json["group"] = span.group;
  }
  for (const SpanFigure& figure : kFigures) {
    if (const std::optional<Range>& range = span.*figure.range) {
      json[std::string(figure.name) + "_bytes"] = {{"low", range->low.count()},
                                                   {"high", range->high.count()},
                                                   {"last", range->last.count()}};
    }
  }
  return json;
}

void append(ReadingSpan& span, const ReadingSpan& later) {
  if (height(later) > height(span)) {
    span.phase = later.phase;
    span.group = later.group;
  }
  span.begin = std::min(span.begin, later.begin);
  span.width = std::max(span.width, later.width);
  span.readings += later.readings;
  for (const SpanFigure& figure : kFigures) {
    std::optional<Range>& into = span.*figure.range;
    const std::optional<Range>& from = later.*figure.range;
    if (into && from) {
      into = Range{std::min(into->low, from->low), std::max(into->high, from->high), from->last};
    } else if (from) {
      into = from;
    }
  }
}

WallTime aligned(WallTime time, ReadingSpan::Width width) {
  const milliseconds since = std::chrono::floor<milliseconds>(time.time_since_epoch());
  const auto over = ((since % width) + width) % width;
  return WallTime(since - over);
}

void thin(std::vector<ReadingSpan>& spans, ReadingSpan::Width width) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    ReadingSpan& span = spans[i];
    span.width = std::max(span.width, width);
    span.begin = aligned(span.begin, span.width);
    if (kept > 0 && spans[kept - 1].end() > span.begin) {
      append(spans[kept - 1], span);
      continue;
    }
    if (kept != i) {
      spans[kept] = std::move(span);
    }
    ++kept;
  }
  spans.resize(kept);
}

ReadingSeries::ReadingSeries(std::size_t capacity)
    : capacity_(std::max<std::size_t>(capacity, 2)) {}

void ReadingSeries::add(const Reading& reading,
                        const Moment& moment,
                        std::optional<Bytes> footprint_high) {
  if (reading.time != WallTime{}) {
    add(span_of(reading, moment, footprint_high));
  }
}

void ReadingSeries::add(ReadingSpan span) {
  span.width = std::max(span.width, width_);
  span.begin = aligned(span.begin, span.width);
  // Nearly always the last one, or one behind it: readings of two processes arrive a little apart.
  const auto place =
      std::partition_point(spans_.begin(), spans_.end(), [&](const ReadingSpan& one) {
        return one.end() <= span.begin;
      });
  if (place != spans_.end() && place->begin < span.end()) {
    append(*place, span);
    return;
  }
  spans_.insert(place, std::move(span));
  while (spans_.size() > capacity_) {
    width_ *= 2;
    thin(spans_, width_);
  }
}

std::vector<ReadingSpan> ReadingSeries::drain() {
  width_ = kWidth;
  return std::exchange(spans_, {});
}

}  // namespace headroom::memory
