#include "scoring/paired.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/json.h"

namespace headroom::scoring {
namespace {

Json goldens(const char* table) {
  return parse_json(read_file(std::filesystem::path(HEADROOM_TEST_DATA) / "scoring/paired.json"),
                    "paired.json")[table];
}

TEST(Paired, EqualsTheTestWorkedOutInLongArithmetic) {
  const Json rows = goldens("paired");
  ASSERT_EQ(rows.size(), 6U);
  for (const Json& row : rows) {
    PairedComparison paired;
    for (std::size_t i = 0; i < row["first"].size(); ++i) {
      const double first = row["first"][i].get<double>();
      const double second = row["second"][i].get<double>();
      paired.add(first, first >= 0.5, second, second >= 0.5, row["clusters"][i].dump());
    }
    const PairedResult result = paired.result().value();
    EXPECT_NEAR(result.difference.mean, row["mean"].get<double>(), 1e-12);
    EXPECT_NEAR(*result.difference.standard_error, row["standard_error"].get<double>(), 1e-12);
    EXPECT_NEAR(*result.p_value, row["p"].get<double>(), 1e-9);
    EXPECT_EQ(result.both + result.only_first + result.only_second + result.neither,
              row["first"].size());
  }
}

TEST(Paired, McNemarIsTheExactBinomialTail) {
  for (const Json& row : goldens("mcnemar")) {
    const double p = mcnemar_exact(row[0].get<std::size_t>(), row[1].get<std::size_t>());
    EXPECT_NEAR(p, row[2].get<double>(), 1e-10) << row;
  }
}

TEST(Paired, SaysHowManyItemsTellADifference) {
  for (const Json& row : goldens("needed")) {
    EXPECT_EQ(items_needed(row[0].get<double>(), row[1].get<double>()), row[2].get<std::size_t>())
        << row;
  }
  EXPECT_FALSE(items_needed(0, 0.05).has_value());
}

TEST(Paired, CountsFlipsBothWays) {
  PairedComparison paired;
  EXPECT_FALSE(paired.result().has_value());
  paired.add(1, true, 0, false, "a");
  paired.add(1, true, 0, false, "b");
  paired.add(0, false, 1, true, "c");
  paired.add(1, true, 1, true, "d");
  paired.add(0, false, 0, false, "e");
  const PairedResult result = paired.result().value();
  EXPECT_EQ(result.only_first, 2U);
  EXPECT_EQ(result.only_second, 1U);
  EXPECT_EQ(result.both, 1U);
  EXPECT_EQ(result.neither, 1U);
  EXPECT_DOUBLE_EQ(result.mcnemar, 1.0);
}

TEST(Paired, ModelsThatNeverDifferHaveNothingToTell) {
  PairedComparison paired;
  paired.add(1, true, 1, true, "a");
  paired.add(0, false, 0, false, "b");
  const PairedResult result = paired.result().value();
  EXPECT_EQ(result.p_value, 1.0);
  EXPECT_EQ(result.deviation(), 0.0);
}

TEST(Paired, IntervalsStayWithinAHundredPoints) {
  PairedComparison paired;
  paired.add(1, true, 0, false, "a");
  paired.add(0, false, 0, false, "b");
  paired.add(1, true, 0, false, "c");
  const PairedResult result = paired.result().value();
  ASSERT_TRUE(result.difference.interval.has_value());
  EXPECT_EQ(result.difference.interval->high, 1.0);
  EXPECT_GE(result.difference.interval->low, -1.0);
}

TEST(Paired, TheSameDifferenceEverywhereIsTestedBySigns) {
  PairedComparison paired;
  for (int picture = 0; picture < 5; ++picture) {
    paired.add(1, true, 0.7, false, std::to_string(picture));
  }
  const PairedResult result = paired.result().value();
  EXPECT_EQ(result.p_value, 0.0625) << "five pictures, two ways";
  EXPECT_EQ(result.deviation(), 0.0);
  // 0 of 5 otherwise: at most 43.45 % of all pictures are.
  EXPECT_NEAR(result.difference.interval->low, 0.5655 * 0.3 - 0.4345, 0.00005);
  EXPECT_NEAR(result.difference.interval->high, 0.5655 * 0.3 + 0.4345, 0.00005);
}

TEST(Paired, OnePictureHasNoPValue) {
  PairedComparison paired;
  paired.add(1, true, 0, false, "a");
  paired.add(1, true, 0, false, "a");
  EXPECT_FALSE(paired.result()->p_value.has_value());
}

TEST(Holm, EqualsTheWorkedExample) {
  // Four tests: 0.005 * 4, 0.01 * 3, 0.03 * 2, 0.04 * 1 lifted to the one before.
  const std::vector<double> corrected = holm_corrected(std::vector{0.01, 0.04, 0.03, 0.005});
  ASSERT_EQ(corrected.size(), 4U);
  EXPECT_DOUBLE_EQ(corrected[0], 0.03);
  EXPECT_DOUBLE_EQ(corrected[1], 0.06);
  EXPECT_DOUBLE_EQ(corrected[2], 0.06);
  EXPECT_DOUBLE_EQ(corrected[3], 0.02);
}

TEST(Holm, OfOneTestChangesNothingAndNeverExceedsOne) {
  EXPECT_EQ(holm_corrected(std::vector{0.04}), std::vector{0.04});
  EXPECT_EQ(holm_corrected(std::vector{0.9, 0.8}), (std::vector{1.0, 1.0}));
  EXPECT_TRUE(holm_corrected({}).empty());
}

}  // namespace
}  // namespace headroom::scoring
