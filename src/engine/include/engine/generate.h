#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "engine/guard.h"
#include "engine/held_cache.h"
#include "engine/language_model.h"

namespace headroom::engine {

/// One prompt to be continued.
struct Sequence {
  std::vector<PromptToken> prompt;  ///< never empty
  std::uint32_t max_tokens = 0;
  std::uint32_t top_log_probs = 0;
};

struct TokenChoice {
  std::int32_t token = 0;
  double log_prob = 0;
  std::vector<std::pair<std::int32_t, double>> top;  ///< best first
};

struct Continuation {
  std::vector<std::int32_t> tokens;  ///< the stop token included
  std::vector<TokenChoice> choices;  ///< where log-probabilities were asked for
  bool stopped = false;
  std::uint32_t prefilled = 0;  ///< new tokens; the shared prefix counts with the first sequence
  double prefill_seconds = 0;   ///< this sequence's share of prefix and batch
  double decode_seconds = 0;
  std::exception_ptr failure;  ///< set: this sequence has no answer, for this reason
};

struct GenerationLimits {
  int batch = 0;          ///< most sequences at once; 0: all
  int prefill_chunk = 0;  ///< most new tokens of one pass; 0: no limit
  bool share_prefix = true;
  bool quantised_kv = false;  ///< keys and values of 8 bits: changes answers
  bool hold = false;          ///< a single sequence's cache is held afterwards
};

/// Greedy continuation of sequences that share features: the longest common prefix is computed
/// once, all others are batched, finished rows leave the batch.
class Generator {
 public:
  /// Borrows everything.
  Generator(const LanguageModel& model, const std::set<std::int32_t>& stops, const Clock& clock)
      : model_(model), stops_(stops), clock_(clock) {}

  /// Calls `done(index, continuation)` once for each sequence, wave by wave. Phases are timed where
  /// their results are first read.
  /// Memory: (prefix + batch * (suffix + max_tokens)) * KvShape::per_token(), the activations of
  /// one
  ///         pass, the logits of one step.
  /// Throws: what the guard throws, and what MLX throws; the sequences not yet done stay undone.
  ///         Then drop `features` and call settle().
  void run(const std::vector<Sequence>& sequences,
           const mx::array* features,
           const GenerationLimits& limits,
           const Guard& guard,
           const std::function<void(std::size_t, Continuation&&)>& done) const;

  /// The same, going on from `held` where a single sequence begins as it does; else that is dropped
  /// before anything is allocated. Afterwards `held` is this sequence's, where the limits say so
  /// and it was answered, or empty. Empty also where this throws. Memory: as above; while it is
  /// taken over as KvCache::extend. Requires: the same model, the same `limits.quantised_kv`, and,
  /// for what is reused, the same pictures as when it was held; `features` may be null when no
  /// token after it names one.
  void run(const std::vector<Sequence>& sequences,
           const mx::array* features,
           const GenerationLimits& limits,
           const Guard& guard,
           const std::function<void(std::size_t, Continuation&&)>& done,
           std::optional<HeldCache>& held) const;

  /// The logits of every position of one prompt, and its greedy continuation of `count` tokens that
  /// no stop token ends: for comparison with a reference.
  struct Trace {
    mx::array logits;  ///< [T, V]
    std::vector<std::int32_t> tokens;
  };

  Trace trace(const std::vector<PromptToken>& prompt,
              const mx::array* features,
              std::size_t count,
              const Guard& guard) const;

 private:
  struct Row;

  KvShape kv_shape(const GenerationLimits& limits) const;
  int prefill_prefix(const std::vector<PromptToken>& prefix,
                     const mx::array* features,
                     int chunk,
                     KvCache& cache,
                     const Guard& guard) const;
  void prefill_rows(std::vector<Row>& rows,
                    const mx::array* features,
                    int chunk,
                    KvCache& cache,
                    const Guard& guard) const;
  void decode_rows(std::vector<Row>& rows, KvCache& cache, const Guard& guard) const;
  mx::array step(const std::vector<PromptToken>& tokens,
                 const std::vector<Segment>& segments,
                 const std::vector<int>& wanted,
                 const mx::array* features,
                 KvCache& cache,
                 const Guard& guard) const;
  void run_single(const Sequence& sequence,
                  const mx::array* features,
                  const GenerationLimits& limits,
                  const Guard& guard,
                  const std::function<void(std::size_t, Continuation&&)>& done,
                  std::optional<HeldCache>& held) const;
  void run_wave(std::vector<Row>& rows,
                double seconds_before,
                const mx::array* features,
                const GenerationLimits& limits,
                const Guard& guard,
                const std::function<void(std::size_t, Continuation&&)>& done,
                KvCache& cache) const;
  void choose(std::vector<Row*>& rows, const mx::array& logits) const;
  std::vector<mx::array> results(const mx::array& result, const KvCache& cache) const;

  const LanguageModel& model_;
  const std::set<std::int32_t>& stops_;
  const Clock& clock_;
};

/// Length of the longest common prefix, at most one token less than the shortest sequence; 0 for
/// fewer than two.
std::size_t common_prefix(const std::vector<Sequence>& sequences);

}  // namespace headroom::engine
