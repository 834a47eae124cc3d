// Whole runs through the runner with an engine whose memory is simulated and whose faults are drawn
// by a seed: what must hold whatever comes.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "memory/policies.h"
#include "run_world.h"

namespace headroom::run {
namespace {

using test::dataset_of;
using test::items_of;
using test::RunWorld;

/// A worker with a heap that leaks, a cache that fills, spikes above what was planned, deaths when
/// the machine has no more to give, and a guard that works.
class SimulatedEngine final : public test::FakeBackend {
 public:
  SimulatedEngine(RunWorld& world, std::uint32_t seed) : world_(world), random_(seed) {
    geometry.weights = 40_MiB;
    geometry.engine = 20_MiB;
    geometry.kv_per_token = 40_KiB;
    geometry.prefill_per_token = 60_KiB;
    geometry.logits_per_row = 64_KiB;
    leak_ = Bytes(below(4) << 18U);
    plan_is_off_ = 0.7 + 0.01 * below(60);
    spiky_ = below(3) == 0;
    deadly_ = below(4) == 0;
    guard_is_late_ = below(5) == 0;
    settle();
  }

  std::uint64_t asks = 0;
  Bytes true_peak;

  worker::AskDone ask(const worker::AskRequest& request,
                      const std::function<void(worker::Answer&&)>& sink) override {
    ++asks;
    drift();
    worker::AskDone done;
    done.group = request.group;
    for (std::size_t at = 0; at < request.items.size();) {
      const std::size_t wave =
          std::min<std::size_t>(std::max(request.limits.batch, 1U), request.items.size() - at);
      const Bytes active = active_of(request, wave);
      const bool stopped =
          !guard_is_late_ && request.limits.memory && active > *request.limits.memory;
      if (!stopped) {
        settle(active - geometry.weights);
        world_.sampler.tick();
      }
      if (deadly_ && !stopped && below(40) == 0) {
        die();
      }
      for (std::size_t i = 0; i < wave; ++i, ++at) {
        sink(stopped ? stopped_answer(request, request.items[at])
                     : make_answer(request, request.items[at]));
        ++(stopped ? done.failed : done.answered);
      }
      heap_ += leak_;
      cache_ = std::min(cache_ + 2_MiB, 16_MiB);
      settle();
    }
    done.reading = now;
    return done;
  }

  worker::Cleaned clean(worker::CleanLevel level) override {
    worker::Cleaned cleaned = FakeBackend::clean(level);
    cache_ = Bytes();
    heap_ = Bytes();
    settle();
    cleaned.after = now;
    return cleaned;
  }

 private:
  std::uint32_t below(std::uint32_t end) { return static_cast<std::uint32_t>(random_() % end); }

  Bytes active_of(const worker::AskRequest& request, std::size_t wave) {
    const std::uint64_t tokens = 60;
    const std::uint64_t fresh =
        request.limits.prefill_chunk == 0
            ? tokens * wave
            : std::min<std::uint64_t>(tokens * wave, request.limits.prefill_chunk);
    Bytes transient = geometry.kv_per_token * (160 * wave) + geometry.prefill_per_token * fresh +
                      geometry.logits_per_row * wave;
    transient = scaled(transient, plan_is_off_);
    if (spiky_ && below(15) == 0) {
      transient += 60_MiB;
    }
    return geometry.weights + transient;
  }

  /// Others on the machine come and go.
  void drift() {
    if (below(12) == 0) {
      world_.source.now.system_available = Bytes(std::uint64_t{below(3000)} << 20U);
    }
  }

  void settle(Bytes transient = {}) {
    now.active = geometry.weights;
    now.cache = cache_;
    const Bytes footprint = geometry.engine + geometry.weights + heap_ + cache_ + transient;
    world_.source.now.worker_footprint = footprint;
    true_peak = std::max(true_peak, footprint + 20_MiB);
  }

  void die() {
    heap_ = Bytes();
    cache_ = Bytes();
    if (on_death) {
      on_death({backends::Death::Kind::kOutOfMemory, 9, "killed by the script"});
    }
  }

  worker::Answer stopped_answer(const worker::AskRequest& request, const worker::AskItem& item) {
    worker::Answer answer = make_answer(request, item);
    answer.outcome = Outcome::kMemory;
    answer.error_code = "E-MEM-GUARD";
    answer.error = "over the limit";
    answer.text.clear();
    answer.token_ids.clear();
    answer.log_probs.clear();
    return answer;
  }

  RunWorld& world_;
  std::mt19937 random_;
  Bytes heap_;
  Bytes cache_;
  Bytes leak_;
  double plan_is_off_ = 1;
  bool spiky_ = false;
  bool deadly_ = false;
  bool guard_is_late_ = false;
};

struct Ended {
  std::size_t items = 0;
  std::size_t outcomes = 0;
  std::size_t answered = 0;
  bool reported_broken = false;
  bool truly_broken = false;
  std::uint64_t asks = 0;
};

Ended run_scenario(std::uint32_t seed) {
  constexpr int kPictures = 6;
  constexpr int kQuestions = 5;
  RunWorld world;
  std::mt19937 random(seed + 77);
  const Bytes budget = 100_MiB + Bytes(std::uint64_t{random() % 80} << 20U);
  Journal journal = world.begin(dataset_of(items_of(kPictures, kQuestions)));
  SimulatedEngine engine(world, seed);
  world.ask(journal, engine, budget, 0);
  Ended ended;
  ended.items = static_cast<std::size_t>(kPictures) * kQuestions;
  journal.for_each_answer(
      0, JournalReader::Readings::kSkip, [&](const ItemRecord&, const AnswerRecord* record) {
        ended.outcomes += record != nullptr ? 1 : 0;
        ended.answered += record != nullptr && record->answer.outcome == Outcome::kAnswered;
      });
  journal.for_each_memory_event([&](MemoryRecord&& record) {
    ended.reported_broken |= record.event.kind == memory::MemoryEvent::Kind::kBroken;
  });
  ended.truly_broken = engine.true_peak > budget;
  ended.asks = engine.asks;
  return ended;
}

TEST(GovernedScenarios, NoAnswerIsLostNoBudgetBrokenSilentlyNothingTriedForEver) {
  constexpr std::uint32_t kScenarios = 1000;
  std::size_t answered = 0;
  std::size_t items = 0;
  int broken = 0;
  int retried = 0;
  for (std::uint32_t seed = 0; seed < kScenarios; ++seed) {
    const Ended ended = run_scenario(seed);
    EXPECT_EQ(ended.outcomes, ended.items) << "seed " << seed;
    EXPECT_EQ(ended.reported_broken, ended.truly_broken) << "seed " << seed;
    EXPECT_LE(ended.asks, 6U * 16U) << "seed " << seed;
    answered += ended.answered;
    items += ended.items;
    broken += ended.truly_broken ? 1 : 0;
    retried += ended.asks > 6 ? 1 : 0;
  }
  // The set must contain all kinds, else it shows nothing.
  EXPECT_GT(answered, items / 2);
  EXPECT_LT(answered, items);
  EXPECT_GT(broken, 0);
  EXPECT_GT(retried, 20);
}

}  // namespace
}  // namespace headroom::run
