#include "base/grouped.h"

#include <gtest/gtest.h>

namespace headroom {
namespace {

TEST(Grouped, HasACommaBeforeEveryThreeDigits) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(178956970), "178,956,970");
  EXPECT_EQ(grouped(~0ULL), "18,446,744,073,709,551,615");
}

}  // namespace
}  // namespace headroom
