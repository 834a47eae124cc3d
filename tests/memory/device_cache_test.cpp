#include "memory/device_cache.h"

#include <gtest/gtest.h>

#include "plan_support.h"

namespace headroom::memory {
namespace {

/// One question about no picture, whose pass takes `taken` in all.
Plan plan_of(Bytes taken) {
  Geometry geometry;
  geometry.weights = 600_MiB;
  geometry.prefill_per_token = taken;
  Workload workload;
  workload.text_tokens = 1;
  workload.max_tokens = 0;
  workload.counter = Counter::kDevice;
  return make_plan(geometry, workload);
}

TEST(DeviceCache, IsTenTimesWhatPassesTakeWhereThereIsRoom) {
  EXPECT_EQ(device_cache(plan_of(20_MiB), test::budget_of(64_GiB)), 200_MiB);
}

TEST(DeviceCache, IsOneGibibyteAtMost) {
  EXPECT_EQ(device_cache(plan_of(300_MiB), test::budget_of(64_GiB)), 1_GiB);
}

TEST(DeviceCache, IsAQuarterOfWhatTheBudgetLeavesAtMost) {
  const Plan plan = plan_of(300_MiB);
  EXPECT_EQ(device_cache(plan, test::budget_of(plan.required() + 400_MiB)), 100_MiB);
}

TEST(DeviceCache, IsTheLeastWhereNothingIsLeft) {
  const Plan plan = plan_of(300_MiB);
  EXPECT_EQ(device_cache(plan, test::budget_of(plan.required())), kLeastCache);
  EXPECT_EQ(device_cache(plan, test::budget_of(100_MiB)), kLeastCache);
}

TEST(DeviceCache, IsPlannedAndStillFits) {
  for (const Bytes limit : {1_GiB, 2_GiB, 64_GiB}) {
    const Plan roomy = with_device_cache(plan_of(90_MiB), test::budget_of(limit));
    EXPECT_GE(roomy.worst().of({PartKind::kCache}), kLeastCache);
    EXPECT_LE(roomy.required(), limit) << to_string(limit);
  }
}

}  // namespace
}  // namespace headroom::memory
