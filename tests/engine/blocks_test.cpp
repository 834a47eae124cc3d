// What a token sees: blocks stay whole, windows end, and both attentions see what they may.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "engine/generate.h"
#include "engine/ops.h"

namespace headroom::engine {
namespace {

/// Tokens 2 to 5 of ten see one another.
std::vector<PromptToken> prompt() {
  std::vector<PromptToken> tokens;
  for (int i = 0; i < 10; ++i) {
    tokens.push_back({i, -1});
    tokens.back().sees = i >= 2 && i < 6 ? 6 : 0;
  }
  return tokens;
}

TEST(WholeBlocks, CutNoneInTwo) {
  const auto tokens = prompt();
  for (const auto& [length, whole] :
       {std::pair(0U, 0U), {2U, 2U}, {3U, 2U}, {5U, 2U}, {6U, 6U}, {9U, 9U}}) {
    EXPECT_EQ(whole_blocks(tokens, length), whole) << length;
  }
}

TEST(BlockEnd, TakesAPassToTheEndOfItsBlock) {
  const auto tokens = prompt();
  for (const auto& [from, end, whole] :
       {std::tuple(0U, 2U, 2U), {0U, 3U, 6U}, {2U, 3U, 6U}, {6U, 8U, 8U}}) {
    EXPECT_EQ(block_end(tokens, from, end), whole) << from << " to " << end;
  }
}

TEST(CommonPrefix, EndsBeforeABlockThatDiffers) {
  Sequence one{prompt()};
  Sequence other = one;
  other.prompt[4].id = 90;
  EXPECT_EQ(common_prefix({one, other}), 2U);
  other = one;
  other.prompt[7].id = 90;
  EXPECT_EQ(common_prefix({one, other}), 7U);
}

TEST(Following, GoesOnBehindTheLargestPosition) {
  PromptToken last{7, -1};
  EXPECT_EQ(following(last, 8), (PromptToken{8, -1}));
  last.position = {3, 5, 4};
  last.sees = 9;
  const PromptToken next = following(last, 8);
  EXPECT_EQ(next.position, (std::array<std::int32_t, 3>{6, 6, 6}));
  EXPECT_EQ(next.sees, 0);
}

class BlockAttention : public ::testing::Test {
 protected:
  static constexpr int kDim = 8;
  static constexpr int kWidth = 3 * kDim;  // one head

  /// Outputs of the prompt's tokens, in passes that end at `ends`, behind a shared prefix or not.
  std::vector<float> attend(const Ops& ops, const std::vector<int>& ends, bool shared) {
    KvCache cache({1, 1, kDim, mx::float32});
    const Rope rope(kDim, 10000.0F);
    const auto tokens = prompt();
    std::vector<float> all;
    int from = 0;
    int base = 0;
    cache.reserve(1, 10);
    for (const int end : ends) {
      auto pass = std::make_shared<Pass>();
      pass->segments = {{0, from - base, end - from}};
      pass->prefix = cache.prefix();
      pass->tokens.assign(tokens.begin() + from, tokens.begin() + end);
      const mx::array qkv(values_.data() + from * kWidth, {end - from, kWidth}, mx::float32);
      const mx::array out = mx::contiguous(ops.decoder_attention(
          mx::array(qkv), {1, 1, kDim, 0.35F, cap_}, pass, cache, 0, rope, reach_));
      auto arrays = cache.arrays();
      arrays.push_back(out);
      mx::eval(arrays);
      all.insert(all.end(), out.data<float>(), out.data<float>() + out.size());
      from = end;
      if (shared && base == 0 && end < 10) {
        cache.share(end);
        cache.reserve(1, 10);
        base = end;
      }
    }
    return all;
  }

  /// The same in doubles, key after key.
  std::vector<double> reference() const {
    std::vector<double> all;
    const auto tokens = prompt();
    for (int i = 0; i < 10; ++i) {
      const int block = tokens[static_cast<std::size_t>(i)].sees;
      const int seen = std::max(i + 1, block);
      const bool cut = reach_.window > 0 && !(reach_.whole_blocks && block > 0);
      std::vector<double> weights;
      double sum = 0;
      for (int j = 0; j < seen; ++j) {
        if (cut && j <= i - reach_.window) {
          weights.push_back(0);
          continue;
        }
        double score = 0;
        for (int d = 0; d < kDim / 2; ++d) {
          const double angle = (i - j) * std::pow(10000.0, -2.0 * d / kDim);
          const auto q = [&](int at) { return double{values_[at_of(i, at)]}; };
          const auto k = [&](int at) { return double{values_[at_of(j, kDim + at)]}; };
          const int e = d + kDim / 2;
          score += (q(d) * k(d) + q(e) * k(e)) * std::cos(angle) +
                   (q(d) * k(e) - q(e) * k(d)) * std::sin(angle);
        }
        score *= 0.35;
        weights.push_back(std::exp(cap_ > 0 ? cap_ * std::tanh(score / cap_) : score));
        sum += weights.back();
      }
      for (int d = 0; d < kDim; ++d) {
        double value = 0;
        for (int j = 0; j < seen; ++j) {
          value += weights[static_cast<std::size_t>(j)] / sum * values_[at_of(j, 2 * kDim + d)];
        }
        all.push_back(value);
      }
    }
    return all;
  }

  static std::size_t at_of(int token, int column) {
    return static_cast<std::size_t>(token * kWidth + column);
  }

  /// Both paths, in one pass, in chunks and behind a prefix.
  void expect_reference() {
    const auto wanted = reference();
    for (const auto path : {Ops::Path::kBest, Ops::Path::kPortable}) {
      const Ops ops(mx::float32, path);
      for (const std::vector<int>& ends :
           {std::vector<int>{10}, {2, 6, 10}, {6, 7, 10}, {1, 6, 7, 8, 9, 10}}) {
        for (const bool shared : {false, true}) {
          const auto ours = attend(ops, ends, shared);
          ASSERT_EQ(ours.size(), wanted.size());
          for (std::size_t i = 0; i < wanted.size(); ++i) {
            ASSERT_NEAR(ours[i], wanted[i], 1e-5) << "element " << i << ", shared " << shared;
          }
        }
      }
    }
  }

  void SetUp() override {
    std::mt19937 generator(20261129);
    std::normal_distribution<float> normal;
    for (float& value : values_) {
      value = normal(generator);
    }
  }

  std::vector<float> values_ = std::vector<float>(10UL * kWidth);
  Reach reach_;
  float cap_ = 0;
};

TEST_F(BlockAttention, SeesTheWholeBlockInOnePassInChunksAndBehindAPrefix) { expect_reference(); }

TEST_F(BlockAttention, SeesNoFartherBackThanItsWindow) {
  for (const int window : {1, 3, 5, 9, 10, 40}) {
    reach_ = {window, false};
    SCOPED_TRACE(window);
    expect_reference();
  }
}

TEST_F(BlockAttention, SeesBeyondItsWindowInAWholeBlock) {
  reach_ = {2, true};
  expect_reference();
}

TEST_F(BlockAttention, CapsScoresWithAndWithoutAWindow) {
  cap_ = 0.5F;
  expect_reference();
  reach_ = {3, false};
  expect_reference();
}

}  // namespace
}  // namespace headroom::engine
