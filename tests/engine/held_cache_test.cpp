#include "engine/held_cache.h"

#include <gtest/gtest.h>

#include "base/errors.h"
#include "engine/counters.h"

namespace headroom::engine {
namespace {

constexpr int kLayers = 3;

KvShape shape(bool quantised) {
  return {.layers = kLayers, .kv_heads = 2, .head_dim = 32, .quantised = quantised};
}

/// Row 0 counts upwards, each slot by its own number.
KvCache counting_cache(const KvShape& form, int capacity) {
  KvCache cache(form);
  cache.reserve(1, capacity);
  for (int i = 0; i < form.layers; ++i) {
    for (auto* rows : {&cache.layer(i).keys, &cache.layer(i).values}) {
      for (mx::array* part : {&(*rows)->numbers, (*rows)->scales ? &*(*rows)->scales : nullptr}) {
        if (part != nullptr) {
          const mx::array slots = mx::reshape(mx::arange(1, capacity + 1), {capacity, 1});
          *part = mx::astype(mx::broadcast_to(slots, part->shape()), part->dtype());
        }
      }
    }
  }
  mx::eval(cache.arrays());
  return cache;
}

std::vector<PromptToken> tokens(int count) {
  std::vector<PromptToken> all;
  for (int i = 0; i < count; ++i) {
    all.push_back({10 + i, -1});
  }
  return all;
}

TEST(HeldCache, ReusesWhatIsInCommonButTheLastToken) {
  const HeldCache held(counting_cache(shape(false), 8), tokens(6));
  EXPECT_EQ(held.reusable(tokens(9)), 6U);
  EXPECT_EQ(held.reusable(tokens(6)), 5U);
  EXPECT_EQ(held.reusable(tokens(3)), 2U);
  EXPECT_EQ(held.reusable({}), 0U);
  auto other = tokens(9);
  other[4].id = 99;
  EXPECT_EQ(held.reusable(other), 4U);
  other[2].feature = 0;
  EXPECT_EQ(held.reusable(other), 2U);
}

class Extended : public ::testing::TestWithParam<bool> {};

TEST_P(Extended, KeepsItsBeginningAndIsZeroBehindIt) {
  for (const auto& [kept, capacity] : {std::pair(5, 12), {5, 6}, {1, 4}}) {
    HeldCache held(counting_cache(shape(GetParam()), 8), tokens(6));
    KvCache cache = std::move(held).take(static_cast<std::size_t>(kept), capacity);
    EXPECT_EQ(cache.capacity(), capacity);
    EXPECT_EQ(cache.rows(), 1);
    EXPECT_EQ(cache.bytes(), shape(GetParam()).per_token() * static_cast<std::uint64_t>(capacity));
    for (const mx::array& part : cache.arrays()) {
      ASSERT_EQ(part.shape(0), capacity);
      mx::array numbers = mx::astype(part, mx::float32);
      mx::eval(numbers);
      for (int slot = 0; slot < capacity; ++slot) {
        const float expected = slot < kept ? static_cast<float>(slot + 1) : 0.0F;
        for (int i = 0; i < part.shape(1); ++i) {
          ASSERT_EQ(numbers.data<float>()[slot * part.shape(1) + i], expected) << slot;
        }
      }
    }
  }
}

TEST_P(Extended, HoldsAtMostOneLayersKeysMoreMeanwhile) {
  constexpr int kBefore = 4096;
  const KvShape form = shape(GetParam());
  for (const int capacity : {2048, 4096, 8192}) {
    HeldCache held(counting_cache(form, kBefore), tokens(1024));
    clear_cache();
    reset_peak();
    const Bytes before = allocator_counters().active;
    const KvCache cache = std::move(held).take(1024, capacity);
    const Bytes after = allocator_counters().active;
    const auto most = static_cast<std::uint64_t>(std::max(kBefore, capacity));
    const Bytes slab = Bytes(form.per_token().count() * most / (2 * kLayers));
    EXPECT_LE(allocator_counters().peak, std::max(before, after) + slab) << capacity;
    EXPECT_EQ(cache.bytes(), form.per_token() * static_cast<std::uint64_t>(capacity));
  }
}

INSTANTIATE_TEST_SUITE_P(Bits, Extended, ::testing::Bool(), [](const auto& row) {
  return row.param ? "quantised" : "whole";
});

TEST(HeldCache, RefusesWhatIsNoSingleRow) {
  KvCache two(shape(false));
  two.reserve(2, 8);
  EXPECT_THROW(HeldCache(std::move(two), tokens(3)), InternalError);
  EXPECT_THROW(HeldCache(counting_cache(shape(false), 8), tokens(9)), InternalError);
}

}  // namespace
}  // namespace headroom::engine
