#include "memory/budget.h"

#include <gtest/gtest.h>

#include "base/errors.h"
#include "table_test.h"

namespace headroom::memory {
namespace {

Counter counter_of(const Json& row) {
  return row.at("counter") == "device" ? Counter::kDevice : Counter::kFootprint;
}

class BudgetTable : public ::testing::TestWithParam<Json> {};

TEST_P(BudgetTable, Resolves) {
  const Json& row = GetParam();
  const Budget budget = resolve_budget(parse_budget(row.at("request").get<std::string>()),
                                       reading_from_json(row.at("reading")),
                                       counter_of(row));
  EXPECT_EQ(budget.limit.count(), row.at("limit").get<std::uint64_t>());
  EXPECT_NE(budget.source.find(row.at("source").get<std::string>()), std::string::npos)
      << budget.source;
  EXPECT_EQ(budget.warning.empty(), row.at("warning").empty()) << budget.warning;
  for (const Json& word : row.at("warning")) {
    EXPECT_NE(budget.warning.find(word.get<std::string>()), std::string::npos) << budget.warning;
  }
  if (row.contains("host_capacity")) {
    EXPECT_EQ(budget.host_capacity, Bytes(row.at("host_capacity").get<std::uint64_t>()));
  }
}

INSTANTIATE_TEST_SUITE_P(Rows,
                         BudgetTable,
                         ::testing::ValuesIn(test::memory_table("budgets.jsonl")),
                         test::row_name);

class BadBudget : public ::testing::TestWithParam<const char*> {};

TEST_P(BadBudget, IsAUsageErrorThatQuotesTheText) {
  try {
    parse_budget(GetParam());
    FAIL() << "accepted '" << GetParam() << "'";
  } catch (const UsageError& error) {
    EXPECT_EQ(error.code(), "E-MEM-BUDGET");
    const std::string text(error.what());
    EXPECT_NE(text.find(GetParam()), std::string::npos) << text;
    EXPECT_NE(text.find("--memory"), std::string::npos) << text;
  }
}

INSTANTIATE_TEST_SUITE_P(Texts,
                         BadBudget,
                         ::testing::Values("0",
                                           "0MiB",
                                           "-1GiB",
                                           "0%",
                                           "101%",
                                           "-5%",
                                           "nan%",
                                           "%",
                                           "80%%",
                                           "eight",
                                           "12 parsecs",
                                           "1e30",
                                           "inf"));

TEST(Budget, AcceptsBlanksAroundSizesAndShares) {
  EXPECT_EQ(parse_budget(" 80 % ").share, 0.8);
  EXPECT_EQ(parse_budget(" 2 GiB ").size, 2_GiB);
  EXPECT_EQ(parse_budget("100%").share, 1.0);
}

TEST(Budget, AShareOfNothingKnownIsAUsageError) {
  EXPECT_THROW(resolve_budget(parse_budget("80%"), Reading(), Counter::kFootprint), UsageError);
  EXPECT_THROW(resolve_budget(parse_budget(""), Reading(), Counter::kDevice), UsageError);
}

TEST(Budget, LiveLimitFollowsTheMachineDownAndStopsAtTheBudget) {
  Reading reading;
  reading.system_available = 4_GiB;
  const Budget budget = resolve_budget(parse_budget("1GiB"), reading, Counter::kFootprint);
  EXPECT_EQ(live_limit(budget, reading).bytes, 1_GiB);
  reading.system_available = 100_MiB;
  reading.worker_footprint = 200_MiB;
  const Capacity tight = live_limit(budget, reading);
  EXPECT_EQ(tight.bytes, 300_MiB);
  EXPECT_NE(tight.source.find("system memory"), std::string::npos);
  reading.system_available = 64_GiB;
  EXPECT_EQ(live_limit(budget, reading).bytes, 1_GiB);
}

}  // namespace
}  // namespace headroom::memory
