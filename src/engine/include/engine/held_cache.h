#pragma once

#include <span>
#include <vector>

#include "base/bytes.h"
#include "engine/kv_cache.h"
#include "engine/language_model.h"

namespace headroom::engine {

/// The KV cache of one finished sequence, kept for a prompt that begins with the same tokens, as
/// the next turn of a conversation does. Thread: MLX thread.
class HeldCache {
 public:
  /// `tokens`: those whose keys and values row 0 of `cache` holds, from its first slot on. The last
  /// token of an answer was never fed, so it is none of them.
  /// Requires: one row, no prefix.
  /// Throws: InternalError otherwise.
  HeldCache(KvCache&& cache, std::vector<PromptToken>&& tokens);

  /// How many tokens at the beginning of `prompt` need not be computed: those in common, equal in
  /// id and feature, at most all but the last, whose logits are wanted. Requires of a caller: rows
  /// of features mean the same pictures.
  std::size_t reusable(std::span<const PromptToken> prompt) const;

  /// The cache of a row of `capacity` tokens that begins with the first `tokens` of this one's.
  /// Memory: KvCache::extend.
  KvCache take(std::size_t tokens, int capacity) &&;

  Bytes bytes() const { return cache_.bytes(); }

 private:
  KvCache cache_;
  std::vector<PromptToken> tokens_;
};

}  // namespace headroom::engine
