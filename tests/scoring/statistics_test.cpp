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
    ClusteredMean mean;
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
    ClusteredMean mean;
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

TEST(Interval, IsCutToWhatAnAccuracyCanBe) {
  const Interval cut = within_unit({-0.2, 1.3});
  EXPECT_EQ(cut.low, 0);
  EXPECT_EQ(cut.high, 1);
}

}  // namespace
}  // namespace headroom::scoring
