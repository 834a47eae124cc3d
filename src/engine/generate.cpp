#include "engine/generate.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "engine/counters.h"
#include "engine/evaluate.h"
#include "engine/sampling.h"

namespace headroom::engine {

/// A sequence of the present wave.
struct Generator::Row {
  std::size_t index = 0;  // in the caller's list
  const Sequence* sequence = nullptr;
  std::size_t shared = 0;  // tokens of its prompt that the prefix holds
  int cached = 0;          // tokens in its own row of the cache
  PromptToken last;        // fed before, when the answer is decoded
  Continuation result;

  std::size_t remaining() const {
    return sequence->prompt.size() - shared - static_cast<std::size_t>(cached);
  }

  bool finished() const {
    return result.failure != nullptr || result.stopped ||
           result.tokens.size() >= sequence->max_tokens;
  }
};

namespace {

/// What one pass takes: as many tokens as the chunk allows, over as many rows as it reaches.
struct Batch {
  std::vector<PromptToken> tokens;
  std::vector<Segment> segments;
  std::vector<int> wanted;  // packed index of each row's last prompt token

  void add(std::span<const PromptToken> part, int row, int cached) {
    tokens.insert(tokens.end(), part.begin(), part.end());
    segments.push_back({row, cached, static_cast<int>(part.size())});
  }
};

class Stopwatch {
 public:
  explicit Stopwatch(const Clock& clock) : clock_(clock), start_(clock.now()) {}

  double lap() {
    const TimePoint now = clock_.now();
    const double passed = seconds(now - start_);
    start_ = now;
    return passed;
  }

 private:
  const Clock& clock_;
  TimePoint start_;
};

/// Steps of fewer tokens are not worth a walk: their activations are small and their time is short.
constexpr std::size_t kForeseenTokens = 64;

/// Tokens of a sequence's own row behind a shared prefix, its answer's included.
int suffix_capacity(const Sequence& sequence, std::size_t prefix) {
  // The last token that is generated is never fed back.
  const std::size_t generated = sequence.max_tokens > 0 ? sequence.max_tokens - 1 : 0;
  return static_cast<int>(sequence.prompt.size() - prefix + generated);
}

}  // namespace

std::size_t common_prefix(const std::vector<Sequence>& sequences) {
  if (sequences.size() < 2) {
    return 0;
  }
  const auto& first = sequences.front().prompt;
  std::size_t length = first.size();
  for (const Sequence& sequence : sequences) {
    length = std::min(length, sequence.prompt.size());
    const auto end = first.begin() + static_cast<std::ptrdiff_t>(length);
    length = static_cast<std::size_t>(
        std::mismatch(first.begin(), end, sequence.prompt.begin()).first - first.begin());
    length = std::min(length, sequence.prompt.size() - 1);
  }
  return whole_blocks(first, length);
}

KvShape Generator::kv_shape(const GenerationLimits& limits) const {
  KvShape shape = model_.kv_shape();
  shape.quantised = limits.quantised_kv;
  return shape;
}

/// What a step computes beside its result: the cache, unless it is written in place.
std::vector<mx::array> Generator::results(const mx::array& result, const KvCache& cache) const {
  std::vector<mx::array> all;
  if (!model_.in_place_cache()) {
    all = cache.arrays();
  }
  all.push_back(result);
  return all;
}

mx::array Generator::step(const std::vector<PromptToken>& tokens,
                          const std::vector<Segment>& segments,
                          const std::vector<int>& wanted,
                          const mx::array* features,
                          KvCache& cache,
                          const Guard& guard) const {
  guard.check();
  auto pass = std::make_shared<Pass>();
  pass->segments = segments;
  pass->prefix = cache.prefix();
  pass->tokens = tokens;
  pass->features = features;
  mx::array x = model_.embed(tokens, features);
  mx::array hidden = model_.forward(std::move(x), pass, cache, wanted, guard);
  pass->features = nullptr;  // what is queued keeps the pass
  if (!wanted.empty()) {
    hidden = model_.logits(hidden);
  }
  std::vector<mx::array> all = results(hidden, cache);
  if (tokens.size() >= kForeseenTokens) {
    guard.foresee(all);
  }
  engine::evaluate(std::move(all));
  return hidden;
}

int Generator::prefill_prefix(const std::vector<PromptToken>& prefix,
                              const mx::array* features,
                              int chunk,
                              KvCache& cache,
                              const Guard& guard) const {
  const int length = static_cast<int>(prefix.size());
  cache.reserve(1, length);
  for (int from = 0; from < length;) {
    int n = chunk > 0 ? std::min(chunk, length - from) : length;
    n = static_cast<int>(
            block_end(prefix, static_cast<std::size_t>(from), static_cast<std::size_t>(from + n))) -
        from;
    Batch batch;
    batch.add(
        std::span(prefix).subspan(static_cast<std::size_t>(from), static_cast<std::size_t>(n)),
        0,
        from);
    step(batch.tokens, batch.segments, {}, features, cache, guard);
    from += n;
  }
  cache.share(length);
  return length;
}

void Generator::prefill_rows(std::vector<Row>& rows,
                             const mx::array* features,
                             int chunk,
                             KvCache& cache,
                             const Guard& guard) const {
  std::size_t next = 0;
  while (next < rows.size()) {
    Batch batch;
    std::vector<Row*> ended;
    while (next < rows.size() && (chunk <= 0 || static_cast<int>(batch.tokens.size()) < chunk)) {
      Row& row = rows[next];
      std::size_t n = row.remaining();
      if (chunk > 0) {
        n = std::min(n, static_cast<std::size_t>(chunk) - batch.tokens.size());
      }
      const std::size_t from = row.shared + static_cast<std::size_t>(row.cached);
      n = block_end(row.sequence->prompt, from, from + n) - from;
      batch.add(
          std::span(row.sequence->prompt).subspan(from, n), static_cast<int>(next), row.cached);
      row.cached += static_cast<int>(n);
      row.result.prefilled += static_cast<std::uint32_t>(n);
      if (row.remaining() == 0) {
        batch.wanted.push_back(static_cast<int>(batch.tokens.size()) - 1);
        row.last = row.sequence->prompt.back();
        ended.push_back(&row);
        ++next;
      }
    }
    const mx::array logits =
        step(batch.tokens, batch.segments, batch.wanted, features, cache, guard);
    if (!ended.empty()) {
      choose(ended, logits);
    }
  }
}

void Generator::choose(std::vector<Row*>& rows, const mx::array& logits) const {
  const auto width = static_cast<std::size_t>(logits.shape(1));
  const float* values = logits.data<float>();
  for (Row* row : rows) {
    try {
      TokenChoice choice = choose_greedy({values, width}, row->sequence->top_log_probs);
      row->result.tokens.push_back(choice.token);
      row->result.stopped = stops_.contains(choice.token);
      if (row->sequence->top_log_probs > 0) {
        row->result.choices.push_back(std::move(choice));
      }
    } catch (const ModelError&) {
      row->result.failure = std::current_exception();
    }
    values += width;
  }
}

void Generator::decode_rows(std::vector<Row>& rows, KvCache& cache, const Guard& guard) const {
  while (true) {
    Batch batch;
    std::vector<Row*> going;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (rows[i].finished()) {
        continue;
      }
      const PromptToken token = following(rows[i].last, rows[i].result.tokens.back());
      rows[i].last = token;
      batch.wanted.push_back(static_cast<int>(batch.tokens.size()));
      batch.add(std::span(&token, 1), static_cast<int>(i), rows[i].cached);
      ++rows[i].cached;
      going.push_back(&rows[i]);
    }
    if (going.empty()) {
      return;
    }
    const mx::array logits =
        step(batch.tokens, batch.segments, batch.wanted, nullptr, cache, guard);
    choose(going, logits);
  }
}

void Generator::run(const std::vector<Sequence>& sequences,
                    const mx::array* features,
                    const GenerationLimits& limits,
                    const Guard& guard,
                    const std::function<void(std::size_t, Continuation&&)>& done) const {
  std::optional<HeldCache> none;
  run(sequences, features, limits, guard, done, none);
}

void Generator::run(const std::vector<Sequence>& sequences,
                    const mx::array* features,
                    const GenerationLimits& limits,
                    const Guard& guard,
                    const std::function<void(std::size_t, Continuation&&)>& done,
                    std::optional<HeldCache>& held) const {
  if (sequences.size() == 1) {
    run_single(sequences.front(), features, limits, guard, done, held);
    return;
  }
  held.reset();
  Stopwatch watch(clock_);
  guard.enter(Phase::kPrefill);
  KvCache cache(kv_shape(limits));
  double prefix_share = 0;
  const std::size_t shared = limits.share_prefix ? common_prefix(sequences) : 0;
  if (shared > 0) {
    const auto& prompt = sequences.front().prompt;
    prefill_prefix({prompt.begin(), prompt.begin() + static_cast<std::ptrdiff_t>(shared)},
                   features,
                   limits.prefill_chunk,
                   cache,
                   guard);
    prefix_share = watch.lap() / static_cast<double>(sequences.size());
  }
  const std::size_t most =
      limits.batch > 0 ? static_cast<std::size_t>(limits.batch) : sequences.size();
  for (std::size_t from = 0; from < sequences.size(); from += most) {
    const std::size_t count = std::min(most, sequences.size() - from);
    watch.lap();  // what came before has its times
    std::vector<Row> rows(count);
    int capacity = 0;
    for (std::size_t i = 0; i < count; ++i) {
      rows[i].index = from + i;
      rows[i].sequence = &sequences[from + i];
      rows[i].shared = shared;
      rows[i].result.prefilled = from + i == 0 ? static_cast<std::uint32_t>(shared) : 0;
      capacity = std::max(capacity, suffix_capacity(sequences[from + i], shared));
    }
    cache.reserve(static_cast<int>(count), capacity);
    const double before = prefix_share + watch.lap() / static_cast<double>(count);
    run_wave(rows, before, features, limits, guard, done, cache);
  }
}

/// Prefills and decodes rows for which there is room. `seconds_before`: what each of them took so
/// far.
void Generator::run_wave(std::vector<Row>& rows,
                         double seconds_before,
                         const mx::array* features,
                         const GenerationLimits& limits,
                         const Guard& guard,
                         const std::function<void(std::size_t, Continuation&&)>& done,
                         KvCache& cache) const {
  const auto count = static_cast<double>(rows.size());
  Stopwatch watch(clock_);
  guard.enter(Phase::kPrefill);
  prefill_rows(rows, features, limits.prefill_chunk, cache, guard);
  const double prefill_share = seconds_before + watch.lap() / count;
  guard.enter(Phase::kDecode);
  decode_rows(rows, cache, guard);
  const double decode_share = watch.lap() / count;
  for (Row& row : rows) {
    row.result.prefill_seconds = prefill_share;
    row.result.decode_seconds = decode_share;
    done(row.index, std::move(row.result));
  }
}

void Generator::run_single(const Sequence& sequence,
                           const mx::array* features,
                           const GenerationLimits& limits,
                           const Guard& guard,
                           const std::function<void(std::size_t, Continuation&&)>& done,
                           std::optional<HeldCache>& held) const {
  Stopwatch watch(clock_);
  guard.enter(Phase::kPrefill);
  std::optional<HeldCache> before = std::exchange(held, std::nullopt);
  const std::size_t reused = before ? before->reusable(sequence.prompt) : 0;
  const int capacity = suffix_capacity(sequence, 0);
  KvCache cache(kv_shape(limits));
  if (reused > 0) {
    cache = std::move(*before).take(reused, capacity);
  }
  if (before) {
    // The allocator would keep what was taken over or dropped beside this row, which does not fit
    // it.
    before.reset();
    clear_cache();
  }
  if (reused == 0) {
    cache.reserve(1, capacity);
  }
  std::vector<Row> rows(1);
  Row& row = rows.front();
  row.sequence = &sequence;
  row.cached = static_cast<int>(reused);
  std::vector<PromptToken> fed = sequence.prompt;
  bool answered = false;
  run_wave(
      rows,
      watch.lap(),
      features,
      limits,
      guard,
      [&](std::size_t index, Continuation&& continuation) {
        answered = continuation.failure == nullptr && !continuation.tokens.empty();
        for (std::size_t i = 0; i + 1 < continuation.tokens.size(); ++i) {
          fed.push_back(following(fed.back(), continuation.tokens[i]));
        }
        done(index, std::move(continuation));
      },
      cache);
  if (limits.hold && answered) {
    held.emplace(std::move(cache), std::move(fed));
  }
}

Generator::Trace Generator::trace(const std::vector<PromptToken>& prompt,
                                  const mx::array* features,
                                  std::size_t count,
                                  const Guard& guard) const {
  KvCache cache(model_.kv_shape());
  const int length = static_cast<int>(prompt.size());
  cache.reserve(1, length + static_cast<int>(count));
  std::vector<int> all(prompt.size());
  for (int i = 0; i < length; ++i) {
    all[static_cast<std::size_t>(i)] = i;
  }
  Trace trace{step(prompt, {{0, 0, length}}, all, features, cache, guard), {}};
  const auto width = static_cast<std::size_t>(trace.logits.shape(1));
  const float* last = trace.logits.data<float>() + (prompt.size() - 1) * width;
  std::optional<mx::array> next;
  PromptToken token = prompt.back();
  for (std::size_t i = 0; i < count; ++i) {
    trace.tokens.push_back(choose_greedy({last, width}, 0).token);
    token = following(token, trace.tokens.back());
    if (i + 1 < count) {
      next = step({token}, {{0, length + static_cast<int>(i), 1}}, {0}, nullptr, cache, guard);
      last = next->data<float>();
    }
  }
  return trace;
}

}  // namespace headroom::engine
