#include "engine/generate.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

#include "engine/sampling.h"

namespace headroom::engine {
namespace {

Sequence sequence(std::initializer_list<std::pair<int, int>> tokens) {
  Sequence result;
  for (const auto& [id, feature] : tokens) {
    result.prompt.push_back({id, feature});
  }
  return result;
}

TEST(CommonPrefix, LeavesEachSequenceALastToken) {
  EXPECT_EQ(common_prefix({sequence({{1, -1}, {2, -1}}), sequence({{1, -1}, {2, -1}})}), 1U);
  EXPECT_EQ(common_prefix({sequence({{1, -1}}), sequence({{1, -1}, {2, -1}})}), 0U);
}

TEST(CommonPrefix, EndsAtTheFirstDifference) {
  EXPECT_EQ(common_prefix({sequence({{1, -1}, {2, -1}, {3, -1}, {9, -1}}),
                           sequence({{1, -1}, {2, -1}, {4, -1}, {9, -1}}),
                           sequence({{1, -1}, {2, -1}, {3, -1}, {8, -1}})}),
            2U);
}

TEST(CommonPrefix, TellsDifferentPicturesBehindTheSameTokenApart) {
  EXPECT_EQ(common_prefix({sequence({{1, -1}, {4, 0}, {4, 1}, {9, -1}}),
                           sequence({{1, -1}, {4, 0}, {4, 17}, {9, -1}})}),
            2U);
}

TEST(CommonPrefix, OneSequenceSharesNothing) {
  EXPECT_EQ(common_prefix({sequence({{1, -1}, {2, -1}})}), 0U);
  EXPECT_EQ(common_prefix({}), 0U);
}

TEST(Sampling, TakesTheLargestAndOfEqualOnesTheFirst) {
  EXPECT_EQ(choose_greedy(std::array{0.0F, 3.0F, 3.0F, -1.0F}, 0).token, 1);
}

TEST(Sampling, LogProbabilitiesAreThoseOfTheSoftmax) {
  const std::array logits{1.0F, 2.0F, 0.5F};
  const TokenChoice choice = choose_greedy(logits, 2);
  const double sum = std::exp(1.0) + std::exp(2.0) + std::exp(0.5);
  EXPECT_NEAR(choice.log_prob, 2.0 - std::log(sum), 1e-12);
  ASSERT_EQ(choice.top.size(), 2U);
  EXPECT_EQ(choice.top[1].first, 0);
  EXPECT_NEAR(choice.top[1].second, 1.0 - std::log(sum), 1e-12);
}

TEST(Sampling, MoreBestTokensThanThereAreGivesAll) {
  EXPECT_EQ(choose_greedy(std::array{1.0F, 2.0F}, 50).top.size(), 2U);
}

TEST(Sampling, LargeLogitsDoNotOverflow) {
  const TokenChoice choice = choose_greedy(std::array{3e38F, -3e38F}, 1);
  EXPECT_EQ(choice.token, 0);
  EXPECT_EQ(choice.log_prob, 0);
}

TEST(Sampling, NotANumberAndInfinityAreTheModelsFailure) {
  for (const float bad : {std::nanf(""),
                          std::numeric_limits<float>::infinity(),
                          -std::numeric_limits<float>::infinity()}) {
    try {
      choose_greedy(std::array{1.0F, bad, 2.0F}, 0);
      ADD_FAILURE() << bad;
    } catch (const ModelError& error) {
      EXPECT_EQ(error.code(), "E-MODEL-NAN");
    }
  }
}

TEST(Sampling, AllZeroIsTheModelsFailure) {
  try {
    choose_greedy(std::array{0.0F, 0.0F, 0.0F}, 0);
    FAIL();
  } catch (const ModelError& error) {
    EXPECT_EQ(error.code(), "E-MODEL-ZERO");
  }
  EXPECT_EQ(choose_greedy(std::array{-1.0F, 0.0F}, 0).token, 1);
}

}  // namespace
}  // namespace headroom::engine
