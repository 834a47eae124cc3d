#include "scoring/tally.h"

#include <gtest/gtest.h>

#include "base/errors.h"

namespace headroom::scoring {
namespace {

const Score kRight{Verdict::kCorrect, 1, "yes"};
const Score kPartly{Verdict::kWrong, 0.3, "no"};

TEST(Tally, CountsWhatWasNotAnsweredAsWrong) {
  Tally tally;
  tally.add(Outcome::kAnswered, true, kRight, "1.png");
  tally.add(Outcome::kAnswered, true, kPartly, "2.png");
  tally.add(Outcome::kImage, true, std::nullopt, "3.png");
  tally.add(Outcome::kSkipped, true, std::nullopt, "4.png");
  EXPECT_DOUBLE_EQ(tally.accuracy()->mean, 1.3 / 4);
  EXPECT_DOUBLE_EQ(tally.accuracy_answered()->mean, 1.3 / 2);
  EXPECT_EQ(tally.accuracy()->count, 4U);
  EXPECT_EQ(tally.accuracy_answered()->count, 2U);
}

TEST(Tally, CountsEachItemOnce) {
  Tally tally;
  tally.add(Outcome::kAnswered, true, kRight, "1.png");
  tally.add(Outcome::kAnswered, true, Score{Verdict::kUnparsed, 0, ""}, "1.png");
  tally.add(Outcome::kAnswered, true, Score{Verdict::kRefused, 0, ""}, "1.png");
  tally.add(Outcome::kTimeout, true, std::nullopt, "1.png");
  tally.add(Outcome::kAnswered, false, std::nullopt, "1.png");
  const Counts& counts = tally.counts();
  EXPECT_EQ(counts.total, 5U);
  EXPECT_EQ(counts.answered(), 4U);
  EXPECT_EQ(counts.unanswered(), 1U);
  EXPECT_EQ(counts.correct + counts.wrong + counts.unparsed + counts.refused + counts.unscored,
            counts.answered());
  EXPECT_EQ(counts.outcomes.at(Outcome::kTimeout), 1U);
}

TEST(Tally, HasNoAccuracyWithoutReferences) {
  Tally tally;
  tally.add(Outcome::kAnswered, false, std::nullopt, "1.png");
  tally.add(Outcome::kMemory, false, std::nullopt, "2.png");
  EXPECT_FALSE(tally.accuracy().has_value());
  EXPECT_FALSE(tally.accuracy_answered().has_value());
  EXPECT_EQ(tally.counts().unscored, 2U);
}

TEST(Tally, RefusesContradictions) {
  Tally tally;
  EXPECT_THROW(tally.add(Outcome::kImage, true, kRight, "1.png"), InternalError);
  EXPECT_THROW(tally.add(Outcome::kAnswered, false, kRight, "1.png"), InternalError);
  EXPECT_THROW(tally.add(Outcome::kAnswered, true, std::nullopt, "1.png"), InternalError);
  EXPECT_EQ(tally.counts().total, 0U);
}

}  // namespace
}  // namespace headroom::scoring
