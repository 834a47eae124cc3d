#include "datasets/describe.h"

#include <gtest/gtest.h>

#include "base/errors.h"
#include "reading.h"

namespace headroom::datasets {
namespace {

using namespace test;

PictureSet scenes() { return open_picture_set((kData / "demo/scenes.json").string()); }

TEST(DescribeDataset, AsksThePromptAboutEveryPictureThenTheTexts) {
  const Dataset dataset = describe_dataset(scenes(), {});
  EXPECT_EQ(dataset.metric, "fact-recall");
  const std::vector<Item> items = read_all(dataset);
  ASSERT_EQ(items.size(), 27U);
  const Item& first = items.front();
  EXPECT_EQ(first.id, "0");
  EXPECT_EQ(first.arm, "picture");
  EXPECT_EQ(first.question, "Describe what you see in this image in detail.");
  ASSERT_EQ(first.conversation.size(), 1U);
  EXPECT_EQ(first.conversation[0].parts,
            (std::vector<Part>{Part::of_image(0), Part::of_text(first.question)}));
  EXPECT_EQ(first.truth.references.size(), 1U);
  EXPECT_EQ(first.truth.facts.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    const Item& item = items[24 + i];
    EXPECT_EQ(item.id, "text-only-" + std::to_string(i + 1));
    EXPECT_EQ(item.arm, "text");
    EXPECT_EQ(item.question, kTextOnlyPrompts.at(i));
    EXPECT_TRUE(item.pictures.empty());
    EXPECT_EQ(item.conversation[0].parts, (std::vector<Part>{Part::of_text(item.question)}));
    EXPECT_TRUE(item.truth.references.empty());
  }
}

TEST(DescribeDataset, LeavesTheTextsOutAndTakesTheRangeOfPictures) {
  DescribeOptions options;
  options.text_only = false;
  PictureSet set = scenes();
  keep_range(set, 3, 5);
  const std::vector<Item> items = read_all(describe_dataset(set, options));
  ASSERT_EQ(items.size(), 3U);
  EXPECT_EQ(items.front().id, "2");
  EXPECT_EQ(items.back().id, "4");
}

TEST(DescribeDataset, RefusesARangeBehindTheLastPicture) {
  PictureSet set = scenes();
  EXPECT_THROW(keep_range(set, 25, 30), UsageError);
  keep_range(set, 24, 30);
  EXPECT_EQ(set.entries.size(), 1U);
}

TEST(DescribeDataset, PutsThePictureWhereThePromptSays) {
  DescribeOptions options;
  options.prompt = "Here: <image> Describe it.";
  const std::vector<Item> items = read_all(describe_dataset(scenes(), options));
  EXPECT_EQ(items[0].conversation[0].parts,
            (std::vector<Part>{
                Part::of_text("Here: "), Part::of_image(0), Part::of_text(" Describe it.")}));
  options.prompt = " \n";
  EXPECT_THROW(describe_dataset(scenes(), options), UsageError);
  options.prompt = "<image> <image>";
  EXPECT_THROW(describe_dataset(scenes(), options), UsageError);
}

TEST(DescribeDataset, KeepsAPictureThatCannotBeOpenedWithItsDefect) {
  const TemporaryFolder folder;
  const auto file =
      folder.write("set.jsonl", R"({"id": "x", "image": "https://example.org/a.png"})");
  const Dataset dataset = describe_dataset(open_picture_set(file.string()), {});
  const auto reader = dataset.open();
  const auto item = reader->next();
  ASSERT_TRUE(item.has_value());
  EXPECT_NE(item->defect, "");
  ASSERT_EQ(reader->notices().size(), 1U);
  EXPECT_EQ(reader->notices()[0], "1 of 1 picture cannot be asked about: x");
}

}  // namespace
}  // namespace headroom::datasets
