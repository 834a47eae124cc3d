#include "run/workload.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "run_world.h"

namespace headroom::run {
namespace {

using test::dataset_of;
using test::item_of;
using test::spec_of;

constexpr std::uint64_t kPixels = 6000ULL * 4000;

/// The head of a JPEG of 6000 x 4000 pixels as shown. `frame`: 0xC0 baseline, 0xC2 progressive.
datasets::Picture jpeg(char frame, bool turned, std::size_t bytes = 200) {
  std::string file("\xFF\xD8", 2);
  if (turned) {
    file.append(
        "\xFF\xE1\x00\x22"
        "Exif\0\0"
        "II*\0\x08\0\0\0"
        "\x01\0"
        "\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"
        "\0\0\0\0",
        36);
  }
  file.append("\xFF", 1).append(1, frame).append("\x00\x11\x08", 3);
  file.append(turned ? "\x17\x70\x0F\xA0" : "\x0F\xA0\x17\x70", 4);
  file.append("\x03\x01\x11\0\x02\x11\0\x03\x11\0", 10).append("\xFF\xDA", 2);
  file.resize(std::max(file.size(), bytes));
  return {{}, file, "picture"};
}

struct DecodeCase {
  const char* name;
  datasets::Picture picture;
  std::uint64_t least;
};

class DecodeOfAPicture : public ::testing::TestWithParam<DecodeCase> {};

TEST_P(DecodeOfAPicture, CountsFromAboveWhatItsFileNeedsBesideThePixels) {
  const worker::PictureSize size = picture_size(GetParam().picture);
  EXPECT_EQ(size.width, 6000U);
  EXPECT_EQ(size.height, 4000U);
  EXPECT_GE(size.decode, Bytes(GetParam().least));
  EXPECT_LE(size.decode, scaled(Bytes(GetParam().least), 1.1));
}

TEST(WorkloadFacts, ATextLongerThanTheContextIsCountedAndNotPlannedFor) {
  std::vector<datasets::Item> items = {item_of("short", "a.png"), item_of("long", "a.png")};
  items[1].conversation[0].parts[1].text = std::string(9000, 'x');
  const auto dataset = dataset_of(items);
  const auto spec = spec_of();
  const WorkloadFacts facts = survey_workload(dataset, select(dataset, spec));
  EXPECT_GE(facts.longest_text(0), 3000U) << "no context is known";
  EXPECT_LT(facts.longest_text(2048), 100U);
  EXPECT_EQ(facts.longer_texts(2048), 1U);
  EXPECT_EQ(facts.longer_texts(4096), 0U);
}

INSTANTIATE_TEST_SUITE_P(Files,
                         DecodeOfAPicture,
                         ::testing::Values(DecodeCase{"Baseline", jpeg('\xC0', false), 3 * kPixels},
                                           DecodeCase{"Turned", jpeg('\xC0', true), 6 * kPixels},
                                           DecodeCase{
                                               "Progressive", jpeg('\xC2', false), 9 * kPixels},
                                           DecodeCase{"LargeFile",
                                                      jpeg('\xC0', false, 64U << 20U),
                                                      3 * kPixels + (64U << 20U)}),
                         [](const auto& one) { return one.param.name; });

/// Costs by decode bytes, and how many pictures were asked for.
struct Planner {
  std::size_t asked = 0;

  memory::Geometry operator()(const std::vector<worker::PictureSize>& sizes) {
    memory::Geometry geometry;
    for (const worker::PictureSize& size : sizes) {
      memory::PictureCost cost;
      cost.width = size.width;
      cost.height = size.height;
      cost.decode = size.decode;
      geometry.pictures.push_back(cost);
      ++asked;
    }
    return geometry;
  }
};

TEST(PictureCosts, PicturesOfOneSizeThatDecodeAtDifferentCostAreToldApart) {
  Planner planner;
  PictureCosts costs(std::ref(planner));
  const auto baseline = jpeg('\xC0', false);
  const auto progressive = jpeg('\xC2', false);
  const auto both = costs.of({baseline, progressive});
  ASSERT_EQ(both.size(), 2U);
  EXPECT_EQ(both[0].width, both[1].width);
  EXPECT_LT(both[0].decode, both[1].decode);
  costs.of({progressive, baseline});
  EXPECT_EQ(planner.asked, 2U);
}

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

/// Questions "a" and "b" about one picture, each with its words in front of it or behind.
WorkloadFacts facts_of_two(bool words_first) {
  std::vector<datasets::Item> items;
  for (const char* question : {"a", "b"}) {
    items.push_back(item_of_file(question));
    const Part image = Part::of_image(0);
    const Part words = Part::of_text(question);
    items.back().conversation = {
        {"user", words_first ? std::vector{words, image} : std::vector{image, words}}};
  }
  return survey_of(items);
}

TEST(Workload, QuestionsSharePicturesThatComeBeforeTheirWords) {
  EXPECT_TRUE(facts_of_two(false).share_prefix);
}

TEST(Workload, QuestionsShareNoPictureThatComesBehindTheirWords) {
  EXPECT_FALSE(facts_of_two(true).share_prefix);
}

TEST(Workload, AnUnreadablePictureIsCountedOnceAGroup) {
  const WorkloadFacts facts = survey_of({item_of("a", "broken"), item_of("b", "broken")});
  EXPECT_EQ(facts.unreadable, 1U);
  EXPECT_TRUE(facts.picture_sets.empty());
}

TEST(Workload, QuestionsThatCannotBeAskedAreCountedWithTheFirstReasons) {
  datasets::Item odd = item_of_file("d");
  odd.defect = "no question";
  const WorkloadFacts facts = survey_of(
      {item_of("a", "broken"), item_of("b", "broken"), item_of_file("c"), odd, item_of_file("e")});
  EXPECT_EQ(facts.without_picture, 2U);
  EXPECT_NE(facts.unreadable_reason, "");
  EXPECT_EQ(facts.defects, 1U);
  EXPECT_EQ(facts.first_defect, "no question");
}

}  // namespace
}  // namespace headroom::run
