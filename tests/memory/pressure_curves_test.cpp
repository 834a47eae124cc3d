// Fifty scripted pressure curves, by fixed seeds, played against a small model of a process: what
// it holds, what its allocator caches, and what each group adds while it is asked.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "memory/cleanup_policy.h"
#include "memory/peak_predictor.h"
#include "memory/policies.h"
#include "memory/policies/predictive.h"

namespace headroom::memory {
namespace {

constexpr std::size_t kGroups = 240;

/// What one group does, in MiB.
struct Step {
  double transient = 0;  ///< while it is asked, above what is in use before it
  double left = 0;       ///< held afterwards, until a clean-up collects it
  double cached = 0;     ///< more in the cache afterwards
  double noise = 0;      ///< in use by others of the process at this moment, gone at the next
  double limit = 0;
  double unplanned = 1;  ///< of what the plan says of this transient: no plan sees everything
};

struct Curve {
  std::string name;
  double resting = 0;
  double largest_cache = 0;
  double plan_error = 0;  ///< the plan says so much of the transient: 0.9 is a tenth too low
  std::vector<Step> steps;
};

void PrintTo(const Curve& curve, std::ostream* out) { *out << curve.name; }

class Random {
 public:
  explicit Random(std::uint32_t seed) : random_(seed) {}

  double between(double from, double to) {
    return from + (to - from) * static_cast<double>(random_() % 100'001) / 100'000.0;
  }

  bool one_in(std::uint32_t many) { return random_() % many == 0; }

 private:
  std::mt19937 random_;
};

using Script = std::function<void(Random&, std::size_t number, double spare, Step&)>;

struct Kind {
  const char* name;
  Script script;  ///< sets a step's growth, and more where the kind says so
};

std::vector<Kind> kinds() {
  return {
      {"linear_leak",
       [](Random&, std::size_t, double spare, Step& step) { step.left = spare / 25; }},
      {"saw_tooth_cache",
       [](Random& random, std::size_t, double spare, Step& step) {
         step.cached = random.between(0.02, 0.10) * spare;
       }},
      {"leak_and_cache",
       [](Random& random, std::size_t, double spare, Step& step) {
         step.left = random.between(0, 0.03) * spare;
         step.cached = random.between(0, 0.05) * spare;
       }},
      {"steps",
       [](Random& random, std::size_t, double spare, Step& step) {
         step.left = random.one_in(15) ? 0.4 * spare : 0;
       }},
      {"bursts_of_large_pictures",
       [](Random& random, std::size_t number, double spare, Step& step) {
         const bool large = number % 24 >= 20;
         step.transient *= large ? 1.0 : 0.3;
         step.cached = large ? random.between(0.1, 0.2) * spare : 0.02 * spare;
       }},
      {"noise_around_the_watermark",
       [](Random& random, std::size_t, double spare, Step& step) {
         step.left = 0.02 * spare;
         step.noise = random.between(0, 0.04) * spare;
       }},
      {"slow_creep",
       [](Random&, std::size_t, double spare, Step& step) { step.left = 1.3 * spare / kGroups; }},
      {"shrinking_limit",
       [](Random&, std::size_t number, double spare, Step& step) {
         step.left = 0.015 * spare;
         step.limit -= 0.5 * spare * static_cast<double>(number) / kGroups;
       }},
      {"limit_that_comes_and_goes",
       [](Random&, std::size_t number, double spare, Step& step) {
         step.cached = 0.02 * spare;
         step.limit -= number % 80 >= 50 ? 0.5 * spare : 0;
       }},
      {"accelerating_leak",
       [](Random&, std::size_t number, double spare, Step& step) {
         step.left = 0.06 * spare * static_cast<double>(number) / kGroups;
       }},
  };
}

std::vector<Curve> curves() {
  std::vector<Curve> result;
  for (const Kind& kind : kinds()) {
    for (std::uint32_t seed = 1; seed <= 5; ++seed) {
      Random random(1000 * static_cast<std::uint32_t>(result.size()) + seed);
      Curve curve;
      curve.name = std::string(kind.name) + "_" + std::to_string(seed);
      curve.resting = random.between(150, 900);
      curve.plan_error = random.between(0.8, 1.2);
      const double largest = random.between(0.1, 0.6) * curve.resting;
      // Room for growth; less than the bound's own margin could not be told from a crossing.
      const double spare = random.between(0.3, 0.8) * curve.resting;
      curve.largest_cache = 1.2 * spare;
      for (std::size_t number = 0; number < kGroups; ++number) {
        Step step;
        step.transient = largest * random.between(0.8, 1.0);
        step.limit = curve.resting + largest + spare;
        step.unplanned = random.between(0.97, 1.03);
        kind.script(random, number, spare, step);
        curve.steps.push_back(step);
      }
      result.push_back(std::move(curve));
    }
  }
  return result;
}

Bytes mebibytes(double value) { return scaled(1_MiB, value); }

class Process {
 public:
  explicit Process(const Curve& curve) : curve_(curve) {}

  Usage usage(const Step& step) const {
    return {
        mebibytes(curve_.resting + left_ + step.noise), mebibytes(cache_), mebibytes(step.limit)};
  }

  /// Returns the peak.
  Bytes ask(const Step& step) {
    const Bytes peak = usage(step).total() + mebibytes(step.transient);
    left_ += step.left;
    cache_ = std::min(cache_ + step.cached, curve_.largest_cache);
    return peak;
  }

  void clean() { left_ = cache_ = 0; }

 private:
  const Curve& curve_;
  double left_ = 0;
  double cache_ = 0;
};

bool crosses(const Process& process, const Step& step) {
  return process.usage(step).total() + mebibytes(step.transient) > mebibytes(step.limit);
}

/// The least number of clean-ups: only before a group that would cross. (A later clean-up leaves
/// less in use at every later time, so waiting is never worse.)
std::size_t needed(const Curve& curve) {
  Process process(curve);
  std::size_t cleanups = 0;
  for (const Step& step : curve.steps) {
    if (crosses(process, step)) {
      process.clean();
      ++cleanups;
      EXPECT_FALSE(crosses(process, step)) << "no policy could keep this curve";
    }
    process.ask(step);
  }
  return cleanups;
}

struct Played {
  std::size_t cleanups = 0;
  std::size_t crossings = 0;
};

/// As the governor does: asks before each group with what is predicted of it, and after it.
Played play(const Curve& curve, CleanupPolicy& policy) {
  Process process(curve);
  PeakPredictor predictor;
  History history;
  Played result;
  const auto clean_if = [&](const CleanDecision& decision, const Step& step) {
    if (decision.clean == Clean::kNone) {
      return;
    }
    EXPECT_FALSE(decision.reason.empty());
    const Usage before = process.usage(step);
    process.clean();
    ++result.cleanups;
    history.add(judge(decision.clean, before, process.usage(step)));
  };
  for (const Step& step : curve.steps) {
    const auto features = [&] {
      GroupFeatures group;
      group.resting = process.usage(step).total();
      const double transient = curve.plan_error * step.unplanned * step.transient;
      group.pictures = mebibytes(0.7 * transient);
      group.prompt = mebibytes(0.3 * transient);
      group.planned_peak = group.resting + mebibytes(transient);
      return group;
    };
    const GroupFeatures planned = features();
    const Upcoming next{process.usage(step), predictor.predict(planned).upper, planned.resting};
    clean_if(policy.decide(history, next), step);
    const GroupFeatures asked = features();
    const Bytes peak = process.ask(step);
    result.crossings += peak > mebibytes(step.limit) ? 1 : 0;
    predictor.learn(asked, peak);
    history.add(GroupUsage{1, 1, process.usage(step)});
    clean_if(policy.decide(history), step);
  }
  return result;
}

class EveryCurve : public ::testing::TestWithParam<Curve> {};

TEST_P(EveryCurve, CrossesWithoutCleanUps) { EXPECT_GE(needed(GetParam()), 1U); }

TEST_P(EveryCurve, PredictiveCleansBeforeTheCrossingAndAtMostTwiceAsOftenAsNeeded) {
  PredictivePolicy policy;
  const std::size_t least = std::max<std::size_t>(needed(GetParam()), 1);
  const Played played = play(GetParam(), policy);
  RecordProperty("needed", static_cast<int>(least));
  RecordProperty("cleanups", static_cast<int>(played.cleanups));
  EXPECT_EQ(played.crossings, 0U) << "of " << kGroups << " groups; " << played.cleanups
                                  << " clean-ups, " << least << " needed";
  EXPECT_LE(played.cleanups, 2 * least)
      << played.cleanups << " clean-ups, " << least << " needed, " << kGroups << " groups";
}

/// It cleans at its watermark too, which is before the limit.
TEST_P(EveryCurve, TheDefaultPolicyNeverLetsItCross) {
  const auto policy = default_policy();
  const std::size_t least = std::max<std::size_t>(needed(GetParam()), 1);
  const Played played = play(GetParam(), *policy);
  RecordProperty("needed", static_cast<int>(least));
  RecordProperty("cleanups", static_cast<int>(played.cleanups));
  EXPECT_EQ(played.crossings, 0U) << "of " << kGroups << " groups; " << played.cleanups
                                  << " clean-ups, " << least << " needed";
  EXPECT_LE(played.cleanups, 6 * least)
      << played.cleanups << " clean-ups, " << least << " needed, " << kGroups << " groups";
}

INSTANTIATE_TEST_SUITE_P(PressureCurves,
                         EveryCurve,
                         ::testing::ValuesIn(curves()),
                         [](const auto& row) { return row.param.name; });

TEST(PressureCurves, AreFifty) { EXPECT_EQ(curves().size(), 50U); }

TEST(PressureCurves, NothingIsCleanedWhereMemoryIsAmple) {
  for (Curve curve : curves()) {
    for (Step& step : curve.steps) {
      step.limit = 10 * (curve.resting + curve.largest_cache);
    }
    // A cache of the size that a CPU's allocator keeps, and no leak.
    curve.largest_cache = 32;
    for (Step& step : curve.steps) {
      step.left = 0;
    }
    const auto policy = default_policy();
    EXPECT_EQ(play(curve, *policy).cleanups, 0U) << curve.name;
  }
}

}  // namespace
}  // namespace headroom::memory
