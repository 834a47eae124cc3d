#include "base/iso_time.h"

#include <gtest/gtest.h>

namespace headroom {
namespace {

TEST(IsoTime, IsReadAsItIsWritten) {
  const WallTime time{std::chrono::seconds(1767323045)};
  EXPECT_EQ(iso_time(time), "2026-01-02T03:04:05Z");
  EXPECT_EQ(time_from_iso(iso_time(time)), time);
  EXPECT_EQ(time_from_iso("2026-01-02T03:04:05.250Z"), time + std::chrono::milliseconds(250));
}

TEST(IsoTime, NothingElseIsRead) {
  for (const char* text : {"",
                           "today",
                           "2026-01-02",
                           "2026-01-02T03:04:05",
                           "2026-01-02T03:04:05+01:00",
                           "2026-01-02T03:04:05.-50Z",
                           "1960-01-02T03:04:05Z",
                           "9999-01-02T03:04:05Z"}) {
    EXPECT_FALSE(time_from_iso(text)) << text;
  }
}

}  // namespace
}  // namespace headroom
