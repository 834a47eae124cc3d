#include "scoring/paired.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

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

}  // namespace
}  // namespace headroom::scoring
