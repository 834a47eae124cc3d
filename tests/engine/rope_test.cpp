// Frequencies of the scaled kinds, against the reference's formulae in doubles.
#include "engine/rope.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "engine/pass.h"

namespace headroom::engine {
namespace {

constexpr int kDim = 16;

/// Cosine and sine of element `i` at position 1 give its frequency, below half a turn.
double frequency(const RopeConfig& config, int i) {
  const auto table = Rope(config).table(2);
  const float* entry = table->data() + kDim;
  return std::atan2(entry[kDim / 2 + i], entry[i]);
}

double plain(int i) { return std::pow(10000.0, -2.0 * i / kDim); }

TEST(Rope, DefaultFrequenciesFallByThetasPowers) {
  for (int i = 0; i < kDim / 2; ++i) {
    EXPECT_NEAR(frequency({.dim = kDim}, i), plain(i), 1e-6);
  }
}

TEST(Rope, LinearOnesAreDivided) {
  for (int i = 0; i < kDim / 2; ++i) {
    EXPECT_NEAR(frequency({.kind = RopeKind::kLinear, .dim = kDim, .factor = 4.0F}, i),
                plain(i) / 4.0,
                1e-6);
  }
}

TEST(Rope, Llama3StretchesLongWavelengthsAndBlendsThoseBetween) {
  const RopeConfig config{.kind = RopeKind::kLlama3,
                          .dim = kDim,
                          .factor = 8.0F,
                          .low_freq_factor = 1.0F,
                          .high_freq_factor = 4.0F,
                          .original_context = 512};
  int blended = 0;
  for (int i = 0; i < kDim / 2; ++i) {
    const double wavelength = 2 * std::numbers::pi / plain(i);
    double wanted = plain(i);
    if (wavelength > 512.0) {
      wanted /= 8.0;
    } else if (wavelength > 512.0 / 4.0) {
      const double smooth = (512.0 / wavelength - 1.0) / 3.0;
      wanted = (1 - smooth) * wanted / 8.0 + smooth * wanted;
      ++blended;
    }
    EXPECT_NEAR(frequency(config, i), wanted, 1e-6) << i;
  }
  EXPECT_GT(blended, 0);
}

TEST(Rope, LongRopeDividesByOneSetOfFactorsOrTheOther) {
  const RopeConfig config{.kind = RopeKind::kLongRope,
                          .dim = 4,
                          .original_context = 8,
                          .short_factors = {1.0F, 2.0F},
                          .long_factors = {4.0F, 5.0F},
                          .amplitude = 1.5F};
  const Rope rope(config);
  for (const bool is_long : {false, true}) {
    const auto table = rope.table(2, is_long);
    const float* entry = table->data() + 4;
    EXPECT_NEAR(std::hypot(entry[0], entry[2]), 1.5, 1e-6);
    EXPECT_NEAR(std::atan2(entry[2], entry[0]), 1.0 / (is_long ? 4.0 : 1.0), 1e-6);
    EXPECT_NEAR(std::atan2(entry[3], entry[1]), 0.01 / (is_long ? 5.0 : 2.0), 1e-6);
  }
}

TEST(Rope, TokensOfLongPromptsAndThoseBehindTheReachAreLong) {
  const Rope rope({.kind = RopeKind::kLongRope,
                   .dim = 2,
                   .original_context = 8,
                   .short_factors = {1.0F},
                   .long_factors = {2.0F}});
  Pass pass;
  pass.prefix = 4;
  pass.segments = {{0, 2, 3}, {1, 0, 1}, {2, 0, 1}};
  pass.tokens.resize(5);
  EXPECT_EQ(rope.long_tokens(pass), (std::vector<char>{0, 0, 1, 0, 0}));
  pass.tokens[4].long_prompt = true;
  EXPECT_EQ(rope.long_tokens(pass), (std::vector<char>{0, 0, 1, 0, 1}));
  EXPECT_TRUE(Rope(2, 1e4F).long_tokens(pass).empty());
}

TEST(Rope, WhatFollowsALongPromptIsLikeIt) {
  PromptToken last{3, -1};
  EXPECT_FALSE(following(last, 4).long_prompt);
  last.long_prompt = true;
  EXPECT_TRUE(following(last, 4).long_prompt);
}

/// Two tokens behind three others: a picture's at time 3, row 4 and column 6, and one of text.
Pass picture_pass() {
  Pass pass;
  pass.segments = {{0, 3, 2}};
  pass.tokens = {{10, 0, {3, 4, 6}}, {11}};
  return pass;
}

/// Which position each frequency of the pass's first token turned by.
std::vector<int> positions_turned_by(const RopeConfig& config) {
  const Rope rope(config);
  const Pass pass = picture_pass();
  const auto angles = rope.angles(pass);
  std::vector<int> turned;
  for (int i = 0; i < kDim / 2; ++i) {
    for (const int position : {3, 4, 6}) {
      const float* entry = rope.table(8)->data() + position * kDim;
      const float* own = angles->data();
      if (entry[i] == own[i] && entry[kDim / 2 + i] == own[kDim / 2 + i]) {
        turned.push_back(position);
      }
    }
  }
  return turned;
}

TEST(Rope, SectionsOfFrequenciesTurnByTimeThenHeightThenWidth) {
  EXPECT_EQ(positions_turned_by({.dim = kDim, .sections = {2, 3, 3}}),
            (std::vector<int>{3, 3, 4, 4, 4, 6, 6, 6}));
}

TEST(Rope, InterleavedSectionsTakeTurnsAndTimeHasTheRest) {
  EXPECT_EQ(positions_turned_by({.dim = kDim, .sections = {4, 2, 2}, .interleaved = true}),
            (std::vector<int>{3, 4, 6, 3, 4, 6, 3, 3}));
}

TEST(Rope, ATokenWithoutPositionsOfItsOwnTurnsByItsIndex) {
  const Rope rope({.dim = kDim, .sections = {2, 3, 3}});
  const Pass pass = picture_pass();
  const auto angles = rope.angles(pass);
  for (int i = 0; i < kDim; ++i) {
    EXPECT_EQ((*angles)[static_cast<std::size_t>(kDim + i)],
              (*rope.table(8))[static_cast<std::size_t>(4 * kDim + i)]);
  }
}

TEST(Rope, AnglesAreMadeOnlyWherePositionsHaveRows) {
  EXPECT_EQ(Rope(kDim, 10000.0F).angles(picture_pass()), nullptr);
  Pass text = picture_pass();
  text.tokens.clear();
  EXPECT_EQ(Rope({.dim = kDim, .sections = {2, 3, 3}}).angles(text), nullptr);
}

}  // namespace
}  // namespace headroom::engine
