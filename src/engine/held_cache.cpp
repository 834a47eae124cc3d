#include "engine/held_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/errors.h"

namespace headroom::engine {

HeldCache::HeldCache(KvCache&& cache, std::vector<PromptToken>&& tokens)
    : cache_(std::move(cache)), tokens_(std::move(tokens)) {
  if (cache_.prefix() != 0 || cache_.rows() != 1 ||
      tokens_.size() > static_cast<std::size_t>(cache_.capacity())) {
    throw InternalError(fmt::format("KV cache: {} tokens cannot be held (prefix {}, {} rows of {})",
                                    tokens_.size(),
                                    cache_.prefix(),
                                    cache_.rows(),
                                    cache_.capacity()));
  }
}

std::size_t HeldCache::reusable(std::span<const PromptToken> prompt) const {
  if (prompt.empty()) {
    return 0;
  }
  const auto fed = prompt.first(prompt.size() - 1);
  const auto different = std::mismatch(fed.begin(), fed.end(), tokens_.begin(), tokens_.end());
  return whole_blocks(prompt, static_cast<std::size_t>(different.first - fed.begin()));
}

KvCache HeldCache::take(std::size_t tokens, int capacity) && {
  cache_.extend(static_cast<int>(tokens), capacity);
  return std::move(cache_);
}

}  // namespace headroom::engine
