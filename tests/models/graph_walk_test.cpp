// The walk over the steps of whole models against the allocator's peak.
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <tuple>

#include "base/clock.h"
#include "engine/counters.h"
#include "engine/generate.h"
#include "models/registry.h"
#include "models/verify.h"

namespace headroom::models {
namespace {

namespace fs = std::filesystem;

/// Of the measured peak. The walk takes the computing thread to be always behind.
constexpr double kBelow = 0.97;
constexpr double kAbove = 1.10;

fs::path folder_of(const std::string& name) {
  return name == "demo" ? fs::path(HEADROOM_SOURCE_DIR) / "assets/demo/model"
                        : fs::path(HEADROOM_TEST_DATA) / "tiny" / name;
}

struct Peaks {
  Bytes walked;
  Bytes measured;
};

/// What the allocator holds at most beyond what it held before, as foreseen and as measured.
Peaks peaks_of(const std::function<void(const engine::Guard&)>& work) {
  engine::clear_cache();
  const Bytes before = engine::allocator_counters().active;
  Peaks peaks;
  engine::GuardLimits limits;
  limits.foreseen = [&](Bytes peak) {
    peaks.walked = std::max(peaks.walked, saturating_minus(peak, before));
  };
  const engine::Guard guard(limits);
  engine::reset_peak();
  work(guard);
  peaks.measured = saturating_minus(engine::allocator_counters().peak, before);
  return peaks;
}

std::unique_ptr<VisionLanguageModel> load(const std::string& name) {
  const ModelFolder folder = ModelFolder::open(folder_of(name));
  return find_family(folder).make(folder, mx::float32, engine::Ops::Path::kBest);
}

void expect_close(const Peaks& peaks) {
  const double ratio =
      static_cast<double>(peaks.walked.count()) / static_cast<double>(peaks.measured.count());
  EXPECT_GE(ratio, kBelow) << to_string(peaks.walked) << " of " << to_string(peaks.measured);
  EXPECT_LE(ratio, kAbove) << to_string(peaks.walked) << " of " << to_string(peaks.measured);
}

class ModelWalk : public ::testing::TestWithParam<std::tuple<std::string, int>> {};

TEST_P(ModelWalk, ForeseesThePeakOfAPrefill) {
  const auto model = load(std::get<0>(GetParam()));
  const int tokens = std::min(std::get<1>(GetParam()), model->context_tokens() - 1);
  engine::Sequence sequence;
  for (int i = 0; i < tokens; ++i) {
    sequence.prompt.push_back({10 + i % 50, -1});
  }
  sequence.max_tokens = 1;
  const SystemClock clock;
  const std::set<std::int32_t> none;
  expect_close(peaks_of([&](const engine::Guard& guard) {
    engine::Generator(*model, none, clock)
        .run({sequence}, nullptr, {}, guard, [](std::size_t, engine::Continuation&&) {});
  }));
}

INSTANTIATE_TEST_SUITE_P(Models,
                         ModelWalk,
                         ::testing::Combine(::testing::Values("demo", "smolvlm", "idefics3"),
                                            ::testing::Values(128, 512)),
                         [](const auto& one) {
                           return std::get<0>(one.param) + "_" +
                                  std::to_string(std::get<1>(one.param)) + "_tokens";
                         });

class EncodeWalk : public ::testing::TestWithParam<int> {};

/// A fresh model for each: the first encoding is foreseen as well as the later ones.
TEST_P(EncodeWalk, ForeseesThePeakOfSoManyTiles) {
  const auto model = load("demo");
  const mx::array pixels = mx::full({1, GetParam(), 3, 64, 64}, 0.5F);
  mx::eval(pixels);
  expect_close(peaks_of(
      [&](const engine::Guard& guard) { mx::eval(encode_pixels(*model, pixels, guard)); }));
}

INSTANTIATE_TEST_SUITE_P(Tiles, EncodeWalk, ::testing::Values(1, 4, 16));

}  // namespace
}  // namespace headroom::models
