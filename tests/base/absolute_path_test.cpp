#include "base/absolute_path.h"

#include <gtest/gtest.h>

namespace headroom {
namespace {

namespace fs = std::filesystem;

TEST(AbsolutePath, IsTheSameFromEveryFolder) {
  const std::string here = fs::current_path().string();
  EXPECT_EQ(absolute_path("a/./b/../c.png"), here + "/a/c.png");
  EXPECT_EQ(absolute_path("/a/../b"), "/b");
}

TEST(LastName, IsThatOfTheFolderWhateverTheSpelling) {
  const std::string here = fs::current_path().filename().string();
  EXPECT_EQ(last_name("pictures"), "pictures");
  EXPECT_EQ(last_name("./pictures/"), "pictures");
  EXPECT_EQ(last_name("pictures/.."), here);
  EXPECT_EQ(last_name("."), here);
  EXPECT_EQ(last_name("/"), "");
}

}  // namespace
}  // namespace headroom
