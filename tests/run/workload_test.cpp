#include "run/workload.h"

#include <gtest/gtest.h>

#include "run_world.h"

namespace headroom::run {
namespace {

using test::dataset_of;
using test::item_of;
using test::spec_of;

/// An item about a picture of 64 x 64 pixels that can be read.
datasets::Item item_of_file(const std::string& id) {
  datasets::Item item = item_of(id, "red.png");
  item.pictures.front() = {
      std::filesystem::path(HEADROOM_TEST_DATA) / "cases/06-resume-after-edit/input/red.png",
      {},
      "red.png"};
  return item;
}

WorkloadFacts survey_of(const std::vector<datasets::Item>& items) {
  const datasets::Dataset dataset = dataset_of(items);
  return survey_workload(dataset, select(dataset, spec_of()));
}

TEST(Workload, PicturesOfAGroupAreKnownThoughItsFirstItemHasADefect) {
  datasets::Item broken = item_of_file("a");
  broken.defect = "its placeholders are wrong";
  const WorkloadFacts facts = survey_of({broken, item_of_file("b"), item_of_file("c")});
  EXPECT_EQ(facts.largest_group, 3U);
  ASSERT_EQ(facts.picture_sets.size(), 1U);
  EXPECT_GT(facts.sizes.at(facts.picture_sets[0].at(0)).width, 0U);
}

TEST(Workload, AnUnreadablePictureIsCountedOnceAGroup) {
  const WorkloadFacts facts = survey_of({item_of("a", "broken"), item_of("b", "broken")});
  EXPECT_EQ(facts.unreadable, 1U);
  EXPECT_TRUE(facts.picture_sets.empty());
}

}  // namespace
}  // namespace headroom::run
