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

TEST(RmsNorm, WeightsOfFloat32LeaveTheRowsIn16Bits) {
  const Ops ops(mx::bfloat16, Ops::Path::kPortable);
  const mx::array x = mx::array({1.0F, -2.0F, 3.0F, 0.5F}, {1, 4}, mx::bfloat16);
  const mx::array w = mx::array({1.001F, 0.999F, 1.003F, 1.0F}, {4}, mx::float32);
  const mx::array y = ops.rms_norm(x, w, 1e-6F);
  EXPECT_EQ(y.dtype(), mx::bfloat16);
  const mx::array exact = mx::fast::rms_norm(mx::astype(x, mx::float32), w, 1e-6F);
  EXPECT_TRUE(mx::array_equal(y, mx::astype(exact, mx::bfloat16)).item<bool>());
}

TEST_F(OpsTest, ActivationsIncludingTheTails) {
  const mx::array tails =
      mx::tile(mx::array({-100.0F, -20.0F, 0.0F, 20.0F, 100.0F}, {1, 5}), {1, 8});
  mx::array x = mx::contiguous(mx::concatenate({random({3, 40}, 4.0F), tails}, 0));
  mx::eval(x);
  for (const Activation activation :
       {Activation::kSilu, Activation::kGelu, Activation::kGeluTanh, Activation::kQuickGelu}) {
    expect_near(best_.gated(x, activation), portable_.gated(x, activation), 2e-3);
    mx::array copy = mx::add(x, mx::array(0.0F));
    expect_near(best_.activate(std::move(copy), activation),
                portable_.activate(mx::array(x), activation));
  }
}

TEST_F(OpsTest, TileAttentionBelowAndAboveTheBlasThreshold) {
  for (const auto& [tiles, patches] : {std::pair(1, 1), {3, 5}, {2, 200}}) {
    const Heads heads{3, 3, 16, 0.25F};
    const mx::array qkv = random({tiles * patches, 3 * 48});
    expect_near(best_.tile_attention(mx::array(qkv), heads, tiles, patches),
                portable_.tile_attention(mx::array(qkv), heads, tiles, patches));
  }
}

/// A head's queries and keys turned by angles, in plain loops, are what attention then sees.
TEST_F(OpsTest, TileAttentionTurnsQueriesAndKeysByTheirAngles) {
  for (const auto& [tiles, patches] : {std::pair(1, 1), {3, 5}, {2, 200}}) {
    const Heads heads{3, 3, 16, 0.25F};
    const int tokens = tiles * patches;
    const mx::array qkv = random({tokens, 3 * 48});
    const mx::array turns = random({tokens, 8}, 3.0F);
    const mx::array angles = mx::contiguous(mx::concatenate({mx::cos(turns), mx::sin(turns)}, 1));
    mx::array turned = mx::contiguous(mx::add(qkv, mx::array(0.0F)));
    mx::eval(angles, turned);
    for (int token = 0; token < tokens; ++token) {
      for (int head = 0; head < 6; ++head) {  // queries, then keys
        float* x = turned.data<float>() + token * 144 + head * 16;
        const float* angle = angles.data<float>() + token * 16;
        for (int i = 0; i < 8; ++i) {
          const float first = x[i];
          x[i] = first * angle[i] - x[8 + i] * angle[8 + i];
          x[8 + i] = x[8 + i] * angle[i] + first * angle[8 + i];
        }
      }
    }
    const mx::array wanted = portable_.tile_attention(mx::array(turned), heads, tiles, patches);
    expect_near(best_.tile_attention(mx::array(qkv), heads, tiles, patches, angles), wanted);
    expect_near(portable_.tile_attention(mx::array(qkv), heads, tiles, patches, angles), wanted);
  }
}

struct Scene {
  int prefix;
  std::vector<Segment> segments;
};

const std::vector<Scene>& scenes() {
  static const std::vector<Scene> kScenes = {
      {0, {{0, 0, 9}}},
      {0, {{0, 0, 4}, {1, 0, 7}, {2, 0, 1}}},
      {5, {{0, 0, 4}, {1, 0, 7}}},
      {150, {{0, 0, 140}, {1, 0, 3}}},
      {300, {{0, 0, 4}, {1, 0, 2}}},
  };
  return kScenes;
}

/// Fills prefix and rows by passes, and gives each pass's output.
class SceneTest : public OpsTest {
 protected:
  std::vector<mx::array> run(const Ops& ops,
                             const KvShape& shape,
                             const Scene& scene,
                             const Reach& reach = {},
                             float cap = 0) {
    const Heads heads{2 * shape.kv_heads, shape.kv_heads, shape.head_dim, 0.25F, cap};
    const Rope rope(shape.head_dim, 10000.0F);
    generator_.seed(20261125);
    KvCache cache(shape);
    std::vector<mx::array> outputs;
    const auto pass = [&](std::vector<Segment> segments) {
      auto now = std::make_shared<Pass>();
      now->segments = std::move(segments);
      now->prefix = cache.prefix();
      outputs.push_back(ops.decoder_attention(
          random({now->count(), 2 * heads.query * heads.dim}), heads, now, cache, 0, rope, reach));
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
  }

  static void expect_all_near(const std::vector<mx::array>& a,
                              const std::vector<mx::array>& b,
                              double tolerance) {
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
      expect_near(a[i], b[i], tolerance);
    }
  }
};

TEST_F(SceneTest, DecoderAttentionOverPrefixRowsAndPositions) {
  const KvShape shape{1, 2, 16, mx::float32};
  for (const Scene& scene : scenes()) {
    expect_all_near(run(best_, shape, scene), run(portable_, shape, scene), 2e-5);
  }
}

TEST_F(SceneTest, WindowsAndCapsOverPrefixRowsAndPositions) {
  KvShape shape{1, 2, 16, mx::float32};
  for (const bool quantised : {false, true}) {
    shape.quantised = quantised;
    for (const Scene& scene : scenes()) {
      for (const int window : {1, 6, 130, 1000}) {
        for (const float cap : {0.0F, 1.5F}) {
          const Reach reach{window, false};
          expect_all_near(run(best_, shape, scene, reach, cap),
                          run(portable_, shape, scene, reach, cap),
                          quantised ? 0.02 : 2e-5);
        }
      }
    }
  }
}

/// Keys and values of unit spread: a number of 8 bits is off by at most the largest of its run, 4,
/// over 254.
TEST_F(SceneTest, QuantisedCacheStaysNearTheWholeOneOnBothPaths) {
  for (const int dim : {16, 64, 80}) {
    const KvShape whole{1, 2, dim, mx::float32};
    KvShape quantised = whole;
    quantised.quantised = true;
    for (const Scene& scene : scenes()) {
      const auto exact = run(best_, whole, scene);
      const auto ours = run(best_, quantised, scene);
      expect_all_near(ours, exact, 0.06);
      // Where a number falls in the middle of two steps, the paths may round it apart.
      expect_all_near(ours, run(portable_, quantised, scene), 0.02);
      double off = 0;
      for (std::size_t i = 0; i < exact.size(); ++i) {
        off += mx::max(mx::abs(mx::subtract(ours[i], exact[i]))).item<float>();
      }
      EXPECT_GT(off, 0) << "nothing was quantised";
    }
  }
}

TEST_F(SceneTest, QuantisedZerosAndOutliersKeepTheirRuns) {
  const KvShape shape{1, 1, 64, mx::float32, true};
  const Heads heads{1, 1, 64, 0.125F};
  const Rope rope(64, 10000.0F);
  std::vector<float> qkv(3 * 64, 0.0F);
  qkv[128] = 1000.0F;  // in the values' first run, whose other numbers are lost beside it
  qkv[128 + 5] = 1.0F;
  qkv[128 + 40] = 0.5F;  // in the second
  for (const Ops* ops : {&best_, &portable_}) {
    KvCache cache(shape);
    cache.reserve(1, 1);
    auto pass = std::make_shared<Pass>();
    pass->segments = {{0, 0, 1}};
    const mx::array out = ops->decoder_attention(
        mx::array(qkv.data(), {1, 3 * 64}, mx::float32), heads, pass, cache, 0, rope);
    mx::eval(out);
    EXPECT_NEAR(out.data<float>()[0], 1000.0F, 1.0F);
    EXPECT_EQ(out.data<float>()[5], 0.0F);
    EXPECT_NEAR(out.data<float>()[40], 0.5F, 1e-3F);
    EXPECT_EQ(out.data<float>()[41], 0.0F);
  }
}

TEST(KvCache, HoldsTheBytesThatItsShapeSays) {
  for (const mx::Dtype dtype : {mx::float32, mx::bfloat16}) {
    for (const bool quantised : {false, true}) {
      for (const int dim : {16, 64, 80}) {
        const KvShape shape{3, 2, dim, dtype, quantised};
        KvCache cache(shape);
        cache.reserve(1, 10);
        cache.share(7);
        cache.reserve(4, 5);
        std::size_t held = 0;
        for (const mx::array& array : cache.arrays()) {
          held += array.nbytes();
        }
        EXPECT_EQ(cache.bytes(), Bytes(held));
        EXPECT_EQ(cache.bytes(), shape.per_token() * 27);
      }
    }
  }
}

TEST(KvCache, QuantisedTakesLittleMoreThanAQuarterOfFloat32) {
  const KvShape whole{30, 3, 64, mx::float32};
  KvShape quantised = whole;
  quantised.quantised = true;
  EXPECT_EQ(whole.per_token(), Bytes(2 * 30 * 192 * 4));
  EXPECT_EQ(quantised.per_token(), Bytes(2 * 30 * (192 + 6 * 2)));
}

TEST_F(OpsTest, FailureInAKernelComesOutOfEvaluation) {
  const mx::array strided = mx::transpose(random({8, 4}));
  EXPECT_THROW(mx::eval(best_.rms_norm(strided, random({8}), 1e-5F)), InternalError);
  settle();
  const mx::array x = random({2, 8});
  EXPECT_NO_THROW(mx::eval(best_.rms_norm(x, random({8}), 1e-5F)));
}

TEST(FusedAttention, IsForGpusOnly) {
  if (on_gpu()) {
    GTEST_SKIP() << "the default device is a GPU";
  }
  const Heads heads{4, 2, 64, 0.125F};
  for (const mx::Dtype dtype : {mx::float32, mx::bfloat16}) {
    for (const bool masked : {false, true}) {
      EXPECT_FALSE(fused_attention(dtype, heads, 64, masked));
    }
  }
}

}  // namespace
}  // namespace headroom::engine
