#include "scoring/statistics.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/errors.h"
#include "base/files.h"
#include "base/json.h"

namespace headroom::scoring {
namespace {

Json goldens(const char* table) {
  return parse_json(
      read_file(std::filesystem::path(HEADROOM_TEST_DATA) / "scoring/statistics.json"),
      "goldens")[table];
}

void expect_close(double ours, double theirs) {
  EXPECT_NEAR(ours, theirs, 1e-9 * std::max(1.0, std::abs(theirs)));
}

/// So wide that no interval of these tables is cut.
constexpr Interval kWide{-100, 100};

TEST(StudentT, EqualsScipy) {
  const Json rows = goldens("student_t");
  ASSERT_GT(rows.size(), 100U);
  for (const Json& row : rows) {
    SCOPED_TRACE(row.dump());
    expect_close(student_t(row[0].get<std::size_t>(), row[1].get<double>()), row[2].get<double>());
  }
}

TEST(StudentT, RefusesWhatHasNoQuantile) {
  EXPECT_THROW(student_t(0, 0.95), InternalError);
  EXPECT_THROW(student_t(5, 1), InternalError);
  EXPECT_THROW(student_t(5, 0), InternalError);
}

TEST(ClusteredMean, EqualsStatsmodels) {
  const Json rows = goldens("clustered");
  ASSERT_EQ(rows.size(), 12U);
  for (const Json& golden : rows) {
    ClusteredMean mean(kWide);
    for (std::size_t i = 0; i < golden["values"].size(); ++i) {
      mean.add(golden["values"][i].get<double>(), golden["clusters"][i].dump());
    }
    const Estimate estimate = mean.estimate().value();
    EXPECT_EQ(estimate.count, golden["values"].size());
    expect_close(estimate.mean, golden["mean"].get<double>());
    expect_close(estimate.standard_error.value(), golden["standard_error"].get<double>());
    expect_close(estimate.interval->low, golden["interval"][0].get<double>());
    expect_close(estimate.interval->high, golden["interval"][1].get<double>());
  }
}

TEST(ClusteredMean, EqualsStatsmodelsPlainOneWhenEachValueIsItsOwnCluster) {
  const Json rows = goldens("clustered");
  ASSERT_EQ(rows.size(), 12U);
  for (const Json& golden : rows) {
    ClusteredMean mean(kWide);
    for (std::size_t i = 0; i < golden["values"].size(); ++i) {
      mean.add(golden["values"][i].get<double>(), std::to_string(i));
    }
    const Estimate estimate = mean.estimate().value();
    expect_close(estimate.standard_error.value(), golden["plain_standard_error"].get<double>());
    expect_close(estimate.interval->low, golden["plain_interval"][0].get<double>());
    expect_close(estimate.interval->high, golden["plain_interval"][1].get<double>());
  }
}

TEST(ClusteredMean, HasNoIntervalBelowTwoClusters) {
  ClusteredMean mean;
  EXPECT_FALSE(mean.estimate().has_value());
  mean.add(1, "a.png");
  mean.add(0, "a.png");
  const Estimate estimate = mean.estimate().value();
  EXPECT_EQ(estimate.mean, 0.5);
  EXPECT_FALSE(estimate.interval.has_value());
  EXPECT_FALSE(estimate.standard_error.has_value());
}

TEST(Wilson, EqualsThePublishedIntervals) {
  const Json rows = goldens("wilson");
  ASSERT_EQ(rows.size(), 4U);
  for (const Json& row : rows) {
    SCOPED_TRACE(row.dump());
    const auto count = row[1].get<std::size_t>();
    const Interval interval = wilson(row[0].get<double>() / static_cast<double>(count), count);
    EXPECT_NEAR(interval.low, row[2].get<double>(), 0.00005);
    EXPECT_NEAR(interval.high, row[3].get<double>(), 0.00005);
  }
}

/// One value in each of so many clusters, twice.
Estimate alike(double value, std::size_t clusters, Interval range) {
  ClusteredMean mean(range);
  for (std::size_t cluster = 0; cluster < clusters; ++cluster) {
    mean.add(value, std::to_string(cluster));
    mean.add(value, std::to_string(cluster));
  }
  return mean.estimate().value();
}

TEST(ClusteredMean, OfClustersThatAreAllRightHasWilsonsIntervalOfTheirNumber) {
  for (const std::size_t clusters : {2U, 3U, 20U, 1000U}) {
    SCOPED_TRACE(clusters);
    const Estimate all = alike(1, clusters, kShares);
    EXPECT_EQ(all.standard_error, 0.0);
    expect_close(all.interval->low, wilson(1, clusters).low);
    EXPECT_EQ(all.interval->high, 1);
    const Estimate none = alike(0, clusters, kShares);
    EXPECT_EQ(none.interval->low, 0);
    expect_close(none.interval->high, wilson(0, clusters).high);
  }
}

/// 0 of 20 otherwise: at most 16.11 % of all are (Newcombe 1998), and may have any value.
TEST(ClusteredMean, WhereNothingVariesTheUnseenMayHaveAnyValue) {
  const Estimate same = alike(0, 20, kDifferences);
  EXPECT_NEAR(same.interval->low, -0.1611, 0.00005);
  EXPECT_NEAR(same.interval->high, 0.1611, 0.00005);
  const Estimate tenths = alike(0.1, 20, kShares);
  EXPECT_EQ(tenths.standard_error, 0.0) << "sums of tenths leave something";
  EXPECT_NEAR(tenths.interval->low, 0.8389 * 0.1, 0.00005);
  EXPECT_NEAR(tenths.interval->high, 0.8389 * 0.1 + 0.1611, 0.00005);
}

TEST(ClusteredMean, HasAnIntervalWithinWhatValuesCanBe) {
  ClusteredMean mean;
  mean.add(1, "a");
  mean.add(1, "b");
  mean.add(0, "c");
  const Estimate estimate = mean.estimate().value();
  EXPECT_EQ(estimate.interval->low, 0);
  EXPECT_EQ(estimate.interval->high, 1);
}

}  // namespace
}  // namespace headroom::scoring
