#pragma once

#include <memory>
#include <vector>

namespace headroom::engine {

/// A row's share of a pass: `count` new tokens after `cached` that are already in the row's cache.
struct Segment {
  int row = 0;
  int cached = 0;
  int count = 0;
};

struct PassLayout;

/// One forward pass over the new tokens of several rows, packed one after another without padding.
/// The rows stand behind one shared prefix of `prefix` tokens: token i of a segment is at position
/// prefix + cached + i.
struct Pass {
  std::vector<Segment> segments;
  int prefix = 0;
  /// Index tables of the portable attention, made by its first layer and used by the others.
  mutable std::shared_ptr<const PassLayout> layout;

  int tokens() const {
    int n = 0;
    for (const Segment& segment : segments) {
      n += segment.count;
    }
    return n;
  }

  /// Positions in use after this pass, of the longest row.
  int reach() const {
    int n = 0;
    for (const Segment& segment : segments) {
      n = segment.cached + segment.count > n ? segment.cached + segment.count : n;
    }
    return prefix + n;
  }
};

}  // namespace headroom::engine
