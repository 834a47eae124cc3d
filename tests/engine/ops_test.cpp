// Our CPU kernels against MLX's own operations.
#include "engine/ops.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "base/errors.h"
#include "engine/guard.h"

namespace headroom::engine {
namespace {

class OpsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!best_.kernels()) {
      GTEST_SKIP() << "built without CPU kernels";
    }
  }

  mx::array random(const mx::Shape& shape, float spread = 1.0F) {
    std::size_t count = 1;
    for (const auto side : shape) {
      count *= static_cast<std::size_t>(side);
    }
    std::normal_distribution<float> normal(0.0F, spread);
    std::vector<float> values(count);
    for (float& value : values) {
      value = normal(generator_);
    }
    return mx::array(values.data(), shape, mx::float32);
  }

  static void expect_near(const mx::array& a, const mx::array& b, double tolerance = 2e-5) {
    ASSERT_EQ(a.shape(), b.shape());
    mx::array x = mx::contiguous(a);
    mx::array y = mx::contiguous(b);
    mx::eval(x, y);
    for (std::size_t i = 0; i < x.size(); ++i) {
      ASSERT_NEAR(x.data<float>()[i], y.data<float>()[i], tolerance) << "element " << i;
    }
  }

  Ops best_{mx::float32};
  Ops portable_{mx::float32, Ops::Path::kPortable};
  std::mt19937 generator_{20261125};
};

TEST_F(OpsTest, LinearWithEveryMixOfBiasAndResidual) {
  const mx::array x = random({7, 33});
  const mx::array w = random({21, 33});
  const mx::array bias = random({21});
  const mx::array residual = random({7, 21});
  for (const bool with_bias : {false, true}) {
    for (const bool with_residual : {false, true}) {
      const auto b = with_bias ? std::optional(bias) : std::nullopt;
      const auto r = with_residual ? std::optional(residual) : std::nullopt;
      expect_near(best_.linear(x, w, b, r), portable_.linear(x, w, b, r));
    }
  }
}

TEST_F(OpsTest, NormsOfWidthsThatDoNotFillLanes) {
  for (const int width : {1, 15, 16, 17, 100, 576}) {
    const mx::array x = random({5, width}, 3.0F);
    const mx::array w = random({width});
    const mx::array b = random({width});
    expect_near(best_.rms_norm(x, w, 1e-5F), portable_.rms_norm(x, w, 1e-5F));
    expect_near(best_.layer_norm(x, w, b, 1e-6F), portable_.layer_norm(x, w, b, 1e-6F), 1e-4);
  }
}

TEST_F(OpsTest, ActivationsIncludingTheTails) {
  const mx::array tails =
      mx::tile(mx::array({-100.0F, -20.0F, 0.0F, 20.0F, 100.0F}, {1, 5}), {1, 8});
  mx::array x = mx::contiguous(mx::concatenate({random({3, 40}, 4.0F), tails}, 0));
  mx::eval(x);
  expect_near(best_.silu_multiply(x), portable_.silu_multiply(x), 2e-3);
  mx::array copy = mx::add(x, mx::array(0.0F));
  expect_near(best_.gelu_tanh(std::move(copy)), portable_.gelu_tanh(mx::array(x)));
}

TEST_F(OpsTest, TileAttentionBelowAndAboveTheBlasThreshold) {
  for (const auto& [tiles, patches] : {std::pair(1, 1), {3, 5}, {2, 200}}) {
    const Heads heads{3, 3, 16, 0.25F};
    const mx::array qkv = random({tiles * patches, 3 * 48});
    expect_near(best_.tile_attention(mx::array(qkv), heads, tiles, patches),
                portable_.tile_attention(mx::array(qkv), heads, tiles, patches));
  }
}

struct Scene {
  int prefix;
  std::vector<Segment> segments;
};

/// Fills prefix and rows by passes, then compares the last pass's outputs and the caches.
TEST_F(OpsTest, DecoderAttentionOverPrefixRowsAndPositions) {
  const Heads heads{4, 2, 16, 0.25F};
  const KvShape shape{1, 2, 16, mx::float32};
  const Rope rope(16, 10000.0F);
  const std::vector<Scene> scenes = {
      {0, {{0, 0, 9}}},
      {0, {{0, 0, 4}, {1, 0, 7}, {2, 0, 1}}},
      {5, {{0, 0, 4}, {1, 0, 7}}},
      {150, {{0, 0, 140}, {1, 0, 3}}},
  };
  for (const Scene& scene : scenes) {
    const auto run = [&](const Ops& ops, std::mt19937 generator) {
      generator_ = generator;
      KvCache cache(shape);
      std::vector<mx::array> outputs;
      const auto pass = [&](std::vector<Segment> segments) {
        auto now = std::make_shared<Pass>();
        now->segments = std::move(segments);
        now->prefix = cache.prefix();
        outputs.push_back(
            ops.decoder_attention(random({now->tokens(), 8 * 16}), heads, now, cache, 0, rope));
        std::vector<mx::array> all = cache.arrays();
        all.push_back(outputs.back());
        mx::eval(all);
      };
      if (scene.prefix > 0) {
        cache.reserve(1, scene.prefix);
        pass({{0, 0, scene.prefix}});
        cache.share(scene.prefix);
      }
      cache.reserve(3, 200);
      pass(scene.segments);
      std::vector<Segment> next;  // one more token each, the rows in another order
      for (auto it = scene.segments.rbegin(); it != scene.segments.rend(); ++it) {
        next.push_back({it->row, it->cached + it->count, 1});
      }
      pass(next);
      return outputs;
    };
    const std::mt19937 start = generator_;
    const auto ours = run(best_, start);
    const auto theirs = run(portable_, start);
    for (std::size_t i = 0; i < ours.size(); ++i) {
      expect_near(ours[i], theirs[i]);
    }
  }
}

TEST_F(OpsTest, FailureInAKernelComesOutOfEvaluation) {
  const mx::array strided = mx::transpose(random({8, 4}));
  EXPECT_THROW(mx::eval(best_.rms_norm(strided, random({8}), 1e-5F)), InternalError);
  settle();
  const mx::array x = random({2, 8});
  EXPECT_NO_THROW(mx::eval(best_.rms_norm(x, random({8}), 1e-5F)));
}

}  // namespace
}  // namespace headroom::engine
