#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/guard.h"
#include "engine/kv_cache.h"
#include "engine/pass.h"

namespace headroom::engine {

/// The part of a model that generation drives. All arrays are over packed tokens (pass.h).
/// Dimension letters: T packed tokens, E hidden, V vocabulary.
/// Thread: MLX thread; lazy.
class LanguageModel {
 public:
  virtual ~LanguageModel() = default;

  virtual KvShape kv_shape() const = 0;
  /// Largest sequence the model takes.
  virtual int context_tokens() const = 0;
  /// True: a pass writes the KV cache in place and must be evaluated before the next is built.
  virtual bool in_place_cache() const = 0;

  /// -> [T, E]; `features` [F, E] stands in at the tokens that name a row of it.
  /// Throws: InputError("E-PROMPT-TOKEN") for an id outside of the vocabulary.
  virtual mx::array embed(std::span<const PromptToken> tokens, const mx::array* features) const = 0;
  /// Runs all layers, appends to the cache, and returns the hidden states of the packed tokens that
  /// `wanted` lists, after the last norm: [wanted, E]. With none wanted, the result is what must be
  /// evaluated for the cache to be filled.
  virtual mx::array forward(mx::array&& x,
                            const std::shared_ptr<const Pass>& pass,
                            KvCache& cache,
                            const std::vector<int>& wanted,
                            const Guard& guard) const = 0;
  /// [n, E] -> float32 [n, V].
  virtual mx::array logits(const mx::array& hidden) const = 0;
};

}  // namespace headroom::engine
