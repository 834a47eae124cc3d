#include "base/percent.h"

#include <gtest/gtest.h>

namespace headroom {
namespace {

TEST(Percent, IsRoundedToItsDecimals) {
  EXPECT_EQ(percent(0.63149), "63.1 %");
  EXPECT_EQ(percent(0.63149, 2), "63.15 %");
  EXPECT_EQ(percent_number(0.5, 0), "50");
}

TEST(Percent, IsAHundredOnlyOfTheWhole) {
  EXPECT_EQ(percent(1.0), "100.0 %");
  EXPECT_EQ(percent(1999.0 / 2000.0), "99.9 %");
  EXPECT_EQ(percent(0.99996, 2), "99.99 %");
  EXPECT_EQ(percent_number(0.999, 0), "99");
}

TEST(Percent, IsNothingOnlyOfNothing) {
  EXPECT_EQ(percent(0.0), "0.0 %");
  EXPECT_EQ(percent(1.0 / 2000.0), "0.1 %");
  EXPECT_EQ(percent(-1e-17), "0.0 %");
}

TEST(Percent, OfAWholeThatASumOfTenthsMissesIsAHundred) {
  double sum = 0;
  for (int i = 0; i < 10; ++i) {
    sum += 0.1;
  }
  ASSERT_NE(sum, 1.0);
  EXPECT_EQ(percent(sum), "100.0 %");
}

TEST(Percent, AboveTheWholeIsShownAsItIs) { EXPECT_EQ(percent(1.234), "123.4 %"); }

}  // namespace
}  // namespace headroom
