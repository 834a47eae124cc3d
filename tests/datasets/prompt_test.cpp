#include <gtest/gtest.h>

#include "reading.h"

namespace headroom::datasets {
namespace {

using namespace test;

TEST(Prompt, PutsThePictureAtItsPlaceHolder) {
  const auto items = read_all(kCases / "26-image-word-in-question/input/ask.jsonl");
  ASSERT_EQ(items.size(), 6U);
  EXPECT_EQ(spelled(items[0]), "[0]What color is the shape?");
  EXPECT_EQ(spelled(items[1]), "What color is the shape?\n[0]");
  EXPECT_EQ(spelled(items[2]), "[0]What color is the shape?");
  EXPECT_EQ(spelled(items[5]), "[0]Which tag shows it, <img> or <picture>?");
  for (const std::size_t i : {0UL, 1UL, 2UL, 5UL}) {
    EXPECT_EQ(items[i].defect, "");
  }
}

TEST(Prompt, RefusesAnotherNumberOfPlaceHoldersWithBothNumbers) {
  const auto items = read_all(kCases / "26-image-word-in-question/input/ask.jsonl");
  EXPECT_TRUE(contains(items[3].defect, "2 '<image>' places for 1 picture;")) << items[3].defect;
  EXPECT_TRUE(contains(items[4].defect, "1 '<image>' place for 0 pictures;")) << items[4].defect;
  EXPECT_TRUE(items[3].conversation.empty());
  EXPECT_TRUE(items[4].conversation.empty());
}

TEST(Prompt, PutsSeveralPicturesBetweenTheWords) {
  const auto items = read_text(
      R"({"id": 1, "images": ["a.png", "b.png"], "question": "Is <image> like <image>?"})");
  EXPECT_EQ(spelled(items.at(0)), "Is [0] like [1]?");
  const auto leading = read_text(
      R"({"id": 1, "images": ["a.png", "b.png"], "question": "<image>\n<image>\nAlike?"})");
  EXPECT_EQ(spelled(leading.at(0)), "[0][1]Alike?");
}

}  // namespace
}  // namespace headroom::datasets
