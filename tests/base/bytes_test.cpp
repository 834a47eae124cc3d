#include "base/bytes.h"

#include <gtest/gtest.h>

#include "base/errors.h"

namespace headroom {
namespace {

TEST(Bytes, ReadsDecimalAndBinarySuffixes) {
  EXPECT_EQ(parse_bytes("512MiB"), 512_MiB);
  EXPECT_EQ(parse_bytes("1.5 GiB"), 1536_MiB);
  EXPECT_EQ(parse_bytes("2GB"), Bytes(2'000'000'000));
  EXPECT_EQ(parse_bytes("4g"), 4_GiB);
  EXPECT_EQ(parse_bytes("1048576"), 1_MiB);
}

TEST(Bytes, RefusesWhatIsNoSize) {
  for (const char* text : {"", "abc", "-5MiB", "12 parsecs", "1e30GB", "nan", "inf"}) {
    EXPECT_THROW(parse_bytes(text), UsageError) << text;
  }
}

TEST(Bytes, PrintsIec) {
  EXPECT_EQ(to_string(Bytes(0)), "0 B");
  EXPECT_EQ(to_string(1536_MiB), "1.5 GiB");
  EXPECT_EQ(to_string(512_MiB), "512.0 MiB");
  EXPECT_EQ(difference_to_string(-1536), "-1.5 KiB");
}

TEST(Bytes, NeverWraps) {
  EXPECT_THROW(1_MiB - 2_MiB, InternalError);
  EXPECT_THROW(Bytes(~0ULL) + 1_B, InternalError);
  EXPECT_THROW(Bytes(1ULL << 63U) * 2, InternalError);
  EXPECT_EQ(saturating_minus(1_MiB, 2_MiB), 0_B);
}

}  // namespace
}  // namespace headroom
