#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "engine/device.h"
#include "engine/prompt_token.h"

namespace headroom::engine {

/// A row's share of a pass: `count` new tokens after `cached` that are already in the row's cache.
struct Segment {
  int row = 0;
  int cached = 0;
  int count = 0;
};

struct PassLayout;

/// How far back a layer's attention reaches.
struct Reach {
  int window = 0;  ///< positions that a token sees, its own the last of them; 0: all
  bool whole_blocks =
      false;  ///< a token of a block sees all of it and before it, whatever the window

  bool operator==(const Reach&) const = default;
};

/// One forward pass over the new tokens of several rows, packed one after another without padding.
/// The rows stand behind one shared prefix of `prefix` tokens: token i of a segment is at position
/// prefix + cached + i.
struct Pass {
  std::vector<Segment> segments;
  int prefix = 0;
  /// The packed tokens, for what a model makes of their positions, blocks and features; empty:
  /// plain text.
  std::vector<PromptToken> tokens;
  /// The group's features, while the pass is built; null: no token has one.
  const mx::array* features = nullptr;
  /// Index tables of the portable attention, made by its first layer and used by the others.
  mutable std::shared_ptr<const PassLayout> layout;
  /// Rotary angles of the packed tokens (Rope::angles), made and used likewise.
  mutable std::shared_ptr<const std::vector<float>> angles;

  int count() const {
    int n = 0;
    for (const Segment& segment : segments) {
      n += segment.count;
    }
    return n;
  }

  /// How many tokens of its own row token `i` of a segment sees; `packed`: its index in the pass.
  int visible(const Segment& segment, int i, int packed) const {
    const int causal = segment.cached + i + 1;
    return tokens.empty()
               ? causal
               : std::max(causal, tokens[static_cast<std::size_t>(packed)].sees - prefix);
  }

  /// The first position, the prefix's counted, that token `i` of a segment sees.
  int first_visible(const Segment& segment, int i, int packed, const Reach& reach) const {
    const bool whole =
        reach.whole_blocks && !tokens.empty() && tokens[static_cast<std::size_t>(packed)].sees > 0;
    return reach.window == 0 || whole ? 0
                                      : std::max(0, prefix + segment.cached + i + 1 - reach.window);
  }

  /// Whether some token sees later ones.
  bool has_blocks() const {
    return std::any_of(
        tokens.begin(), tokens.end(), [](const PromptToken& token) { return token.sees > 0; });
  }

  /// Whether some token has rotary positions of its own.
  bool has_positions() const {
    return std::any_of(tokens.begin(), tokens.end(), [](const PromptToken& token) {
      return token.position[0] >= 0;
    });
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
