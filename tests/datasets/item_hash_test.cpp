#include <gtest/gtest.h>

#include "reading.h"

namespace headroom::datasets {
namespace {

using namespace test;

Item one(const TemporaryFolder& folder, const std::string& text) {
  return read_all(folder.write("data.jsonl", text)).at(0);
}

TEST(ItemHash, KnowsIdQuestionAndPictureBytes) {
  const TemporaryFolder folder;
  folder.write("a.png", "one");
  folder.write("b.png", "one");
  const std::string base =
      item_hash(one(folder, R"({"id": "1", "question": "q", "image": "a.png"})"));
  EXPECT_NE(base, item_hash(one(folder, R"({"id": "2", "question": "q", "image": "a.png"})")));
  EXPECT_NE(base, item_hash(one(folder, R"({"id": "1", "question": "r", "image": "a.png"})")));
  EXPECT_EQ(base, item_hash(one(folder, R"({"id": "1", "question": "q", "image": "b.png"})")));
  folder.write("a.png", "two");
  EXPECT_NE(base, item_hash(one(folder, R"({"id": "1", "question": "q", "image": "a.png"})")));
}

TEST(ItemHash, IgnoresPlaceReferencesAndWhiteSpace) {
  const TemporaryFolder folder;
  folder.write("a.png", "one");
  const std::string base =
      item_hash(one(folder, R"({"id": "1", "question": "q", "image": "a.png", "answer": "x"})"));
  EXPECT_EQ(
      base,
      item_hash(one(
          folder,
          "\n\n  {\"answer\": \"y\",  \"image\":\"a.png\", \"question\":\"q\",\"id\":\"1\"} ")));
}

TEST(ItemHash, DoesNotDependOnTheLineOfADefect) {
  const TemporaryFolder folder;
  const std::string row = R"({"id": "1", "question": "q", "image": ""})";
  EXPECT_EQ(item_hash(one(folder, row)), item_hash(one(folder, "\n\n" + row)));
}

TEST(ItemHash, TellsAMissingPictureFromOneThatIsThere) {
  const TemporaryFolder folder;
  const Item item = one(folder, R"({"id": "1", "question": "q", "image": "a.png"})");
  const std::string missing = item_hash(item);
  folder.write("a.png", "");
  EXPECT_NE(missing, item_hash(item));
}

TEST(ItemHash, TellsAnEarlierAnswerFromATextThatReadsAsItsId) {
  Item text;
  text.conversation = {{"assistant", {Part::of_text("1")}}};
  Item answer = text;
  answer.conversation = {{"assistant", {Part::of_answer("1")}}};
  EXPECT_NE(item_hash(text), item_hash(answer));
}

TEST(ItemHash, DoesNotKnowArmDialogueAndTurn) {
  Item item;
  item.conversation = {{"user", {Part::of_text("q")}}};
  const std::string base = item_hash(item);
  item.arm = "history";
  item.dialogue = "d";
  item.turn = 2;
  EXPECT_EQ(item_hash(item), base);
}

TEST(ItemHash, IsTheSameInARow) {
  OpenOptions options;
  options.assets = std::filesystem::path(HEADROOM_SOURCE_DIR) / "assets/demo";
  const auto reader = open_dataset("easy-vqa", options).open();
  ItemHasher hasher;
  for (int i = 0; i < 50; ++i) {
    const Item item = reader->next().value();
    EXPECT_EQ(hasher.hash(item), item_hash(item));
  }
}

}  // namespace
}  // namespace headroom::datasets
