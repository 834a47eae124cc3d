// Whole runs against a simulated worker and machine, by fixed seeds: what must hold whatever comes.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "memory/governor.h"
#include "memory/policies.h"
#include "plan_support.h"
#include "support/fake_clock.h"
#include "support/scripted_source.h"

namespace headroom::memory {
namespace {

/// A worker whose leftovers grow, whose cache fills, on a machine that others use too.
class SimulatedRun {
 public:
  explicit SimulatedRun(std::uint32_t seed) : random_(seed) {
    workload_.batch = 1 + below(16);
    workload_.text_tokens = 60;
    workload_.max_tokens = 50;
    workload_.supervisor = 12_MiB;
    workload_.allocator_cache = 32_MiB;
    workload_.decode_ahead = false;
    workload_.pictures = {test::picture_of(64 + below(400))};
    leak_ = Bytes(below(3) << 20U);
    stubborn_ = below(4) == 0;
    spiky_ = below(5) == 0;
    const Bytes planned = make_plan(test::small_geometry(), workload_).required();
    limit_ = scaled(planned, 0.9 + 0.01 * below(150));
    source_.now = test::footprints(12_MiB, 60_MiB);
    source_.now.system_available = 8_GiB;
  }

  void run(int groups) {
    Governor governor(test::budget_of(limit_),
                      make_plan(test::small_geometry(), workload_),
                      {.batch = workload_.batch},
                      default_policy(),
                      sampler_,
                      clock_,
                      [this](const MemoryEvent& event) { keep(event); });
    governor.before_load(worker_);
    weights_ = 29_MiB;
    settle();
    governor.after_load(worker_, 1);
    for (int group = 0; group < groups; ++group) {
      drift();
      one_group(governor, "g" + std::to_string(group));
    }
    summary_ = governor.summary();
  }

  int most_cleanups_a_group_ = 0;
  int cleanups_ = 0;
  int broken_ = 0;
  int outcomes_ = 0;
  Bytes true_peak_;
  Bytes limit_;
  bool stubborn_ = false;
  MemorySummary summary_;

 private:
  std::uint32_t below(std::uint32_t end) { return static_cast<std::uint32_t>(random_() % end); }

  void keep(const MemoryEvent& event) {
    broken_ += event.kind == MemoryEvent::Kind::kBroken ? 1 : 0;
  }

  /// Others on the machine come and go.
  void drift() {
    if (below(10) == 0) {
      source_.now.system_available = Bytes(std::uint64_t{below(2000)} << 20U);
    }
  }

  void settle(Bytes transient = {}) {
    worker_.active = weights_;
    worker_.cache = cache_;
    source_.now.worker_footprint = 60_MiB + weights_ + leftovers_ + cache_ + transient;
    true_peak_ = std::max(true_peak_, *source_.now.worker_footprint + 12_MiB);
  }

  void ask(const GroupDecision& decision) {
    const Plan plan = make_plan(test::small_geometry(), workload_);
    Bytes transient = saturating_minus(plan.planned_peak(), 117_MiB);
    transient = scaled(transient, 0.5 + 0.005 * below(100));
    if (spiky_ && below(20) == 0) {
      transient += limit_;
    }
    cache_ = std::min(cache_ + 8_MiB, 32_MiB);
    leftovers_ += leak_;
    EXPECT_GE(decision.limits.batch, 1U);
    settle(transient);
    sampler_.tick();
    settle();
  }

  void clean(Governor& governor, const CleanDecision& decision) {
    Reading before = worker_;
    before.worker_footprint = source_.now.worker_footprint;
    before.supervisor_footprint = 12_MiB;
    if (!stubborn_) {
      cache_ = Bytes();
      leftovers_ = Bytes();
    }
    settle();
    governor.after_cleanup(decision, before, worker_);
    ++cleanups_;
  }

  void one_group(Governor& governor, const std::string& id) {
    const GroupFacts facts{
        id, workload_.pictures, std::vector<PictureCost>(), false, workload_.batch, 60, 50, {}};
    int here = 0;
    GroupDecision decision = governor.before_group(facts);
    while (decision.clean_first.clean != Clean::kNone && here < 50) {
      ++here;
      clean(governor, decision.clean_first);
      decision = governor.before_group(facts);
    }
    ++outcomes_;  // asked, or refused with a reason
    if (decision.fits) {
      ask(decision);
    } else {
      EXPECT_FALSE(decision.reason.empty());
    }
    const CleanDecision after = governor.after_group(facts, workload_.batch, worker_);
    if (after.clean != Clean::kNone) {
      EXPECT_FALSE(after.reason.empty());
      ++here;
      clean(governor, after);
    }
    most_cleanups_a_group_ = std::max(most_cleanups_a_group_, here);
  }

  std::mt19937 random_;
  testing::FakeClock clock_;
  test::ScriptedSource source_;
  Sampler sampler_{source_};
  Workload workload_;
  Reading worker_;
  Bytes weights_;
  Bytes cache_;
  Bytes leftovers_;
  Bytes leak_;
  bool spiky_ = false;
};

constexpr int kScenarios = 1000;
constexpr int kGroups = 60;

TEST(Scenarios, NoBudgetIsBrokenSilentlyAndNoneIsReportedBrokenThatHeld) {
  int broken = 0;
  for (std::uint32_t seed = 0; seed < kScenarios; ++seed) {
    SimulatedRun run(seed);
    run.run(kGroups);
    EXPECT_EQ(run.summary_.measured_peak, run.true_peak_) << "seed " << seed;
    EXPECT_EQ(run.summary_.budget_kept, run.true_peak_ <= run.limit_) << "seed " << seed;
    EXPECT_EQ(run.broken_ > 0, run.true_peak_ > run.limit_) << "seed " << seed;
    broken += run.broken_ > 0 ? 1 : 0;
  }
  // The set must contain both kinds, else it shows nothing.
  EXPECT_GT(broken, 10);
  EXPECT_LT(broken, kScenarios / 2);
}

TEST(Scenarios, CleaningEndsAndEveryGroupHasAnOutcome) {
  for (std::uint32_t seed = 0; seed < kScenarios; ++seed) {
    SimulatedRun run(seed);
    run.run(kGroups);
    EXPECT_EQ(run.outcomes_, kGroups) << "seed " << seed;
    EXPECT_LE(run.most_cleanups_a_group_, 2) << "seed " << seed;
    EXPECT_EQ(run.summary_.cleanups, static_cast<std::uint64_t>(run.cleanups_));
    if (run.stubborn_) {
      EXPECT_EQ(run.summary_.fruitless_cleanups, run.summary_.cleanups) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace headroom::memory
