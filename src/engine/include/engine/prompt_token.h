#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace headroom::engine {

/// A token of a prompt.
struct PromptToken {
  std::int32_t id = 0;
  /// At the place of a picture, the row of the group's features that stands there; -1: none.
  std::int32_t feature = -1;
  /// Where rotary positions have several rows (M-RoPE: time, height, width), the token's in each;
  /// -1: its index in the prompt.
  std::array<std::int32_t, 3> position = {-1, -1, -1};
  /// The prompt's tokens before this index are seen although some come later: the end of a block
  /// whose tokens see one another. 0: the token sees itself and what is before it.
  std::int32_t sees = 0;
  /// Part of a prompt that is longer than its rotary frequencies are for (RopeKind::kLongRope).
  bool long_prompt = false;

  bool operator==(const PromptToken&) const = default;
};

/// The token that is generated behind `last`: one position further, and seeing what is before it.
inline PromptToken following(const PromptToken& last, std::int32_t id) {
  PromptToken next{id, -1};
  next.long_prompt = last.long_prompt;
  if (last.position[0] >= 0) {
    next.position.fill(*std::max_element(last.position.begin(), last.position.end()) + 1);
  }
  return next;
}

/// The most tokens, up to `length`, at the beginning of a prompt that cut no block in two.
inline std::size_t whole_blocks(std::span<const PromptToken> prompt, std::size_t length) {
  for (std::size_t i = 0; i < length; ++i) {
    if (prompt[i].sees > static_cast<std::int32_t>(length)) {
      length = i;
      i = static_cast<std::size_t>(-1);
    }
  }
  return length;
}

/// The end of a pass that begins at `from` and would end at `end`: no block is cut in two.
inline std::size_t block_end(std::span<const PromptToken> prompt,
                             std::size_t from,
                             std::size_t end) {
  for (std::size_t i = from; i < end; ++i) {
    end = std::max(end, static_cast<std::size_t>(std::max(prompt[i].sees, 0)));
  }
  return end;
}

}  // namespace headroom::engine
