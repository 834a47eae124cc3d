#include "memory/wall.h"

#include <gtest/gtest.h>

#include "base/errors.h"
#include "plan_support.h"
#include "support/scripted_source.h"

namespace headroom::memory {
namespace {

TEST(Wall, StandsAtTheBudgetLessTheSupervisorButNeverOnWhatIsHeld) {
  struct Case {
    const char* what;
    Bytes budget;
    Bytes supervisor;
    Bytes held;
    Bytes limit;
  };

  const Case cases[] = {
      {"room", 512_MiB, 12_MiB, 60_MiB, 500_MiB},
      {"nothing held yet", 512_MiB, 12_MiB, Bytes(), 500_MiB},
      {"held beyond it", 512_MiB, 12_MiB, 600_MiB, 630_MiB},
      {"held just below it", 512_MiB, 12_MiB, 499_MiB, 499_MiB + scaled(499_MiB, 0.05)},
      {"little held beyond it", 64_MiB, 12_MiB, 60_MiB, 68_MiB},
      {"supervisor alone is beyond", 10_MiB, 12_MiB, 60_MiB, 68_MiB},
  };
  for (const Case& one : cases) {
    const auto line =
        wall_line(test::budget_of(one.budget), test::footprints(one.supervisor, one.held));
    ASSERT_TRUE(line) << one.what;
    EXPECT_EQ(line->limit, one.limit) << one.what << ": " << line->text;
  }
}

TEST(Wall, FollowsAMachineThatCanGiveLess) {
  Reading now = test::footprints(12_MiB, 60_MiB);
  now.system_available = 200_MiB;
  const auto line = wall_line(test::budget_of(512_MiB), now);
  ASSERT_TRUE(line);
  EXPECT_EQ(line->limit, 260_MiB) << line->text;  // 200 MiB and the 72 that the run has, less 12
}

TEST(Wall, HoldsNoBudgetOfDeviceMemory) {
  Budget budget = test::budget_of(512_MiB);
  budget.counter = Counter::kDevice;
  EXPECT_FALSE(wall_line(budget, test::footprints(12_MiB, 60_MiB)));
}

TEST(Wall, IsMovedForAHundredthOrAMebibyte) {
  EXPECT_FALSE(moved(50_MiB, 50_MiB + 1_MiB - 1_B));
  EXPECT_TRUE(moved(50_MiB, 51_MiB));
  EXPECT_TRUE(moved(50_MiB, 49_MiB));
  EXPECT_FALSE(moved(1000_MiB, 1009_MiB));
  EXPECT_TRUE(moved(1000_MiB, 1010_MiB));
}

TEST(Wall, TellsBothFiguresOfWhatIsBeyond) {
  EXPECT_FALSE(beyond_wall(512_MiB, 512_MiB));
  EXPECT_EQ(beyond_wall(530_MiB, 512_MiB), "footprint 530.0 MiB > 512.0 MiB");
}

TEST(Wall, KnowsFourWords) {
  for (const char* word : {"auto", "kernel", "watch", "off"}) {
    EXPECT_EQ(to_string(parse_wall(word)), word);
  }
  EXPECT_THROW(parse_wall("on"), UsageError);
}

}  // namespace
}  // namespace headroom::memory
