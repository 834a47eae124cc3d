#include <gtest/gtest.h>

#include <map>
#include <set>

#include "reading.h"

namespace headroom::datasets {
namespace {

using namespace test;

OpenOptions with_assets() {
  OpenOptions options;
  options.assets = std::filesystem::path(HEADROOM_SOURCE_DIR) / "assets/demo";
  return options;
}

TEST(EasyVqa, HasTheWholeTestSplit) {
  const auto items = read_all(open_dataset("easy-vqa", with_assets()));
  ASSERT_EQ(items.size(), 9673U);
  std::set<std::filesystem::path> pictures;
  std::set<std::string> ids;
  std::map<std::string, int> types;
  for (const Item& item : items) {
    pictures.insert(item.pictures.at(0).path);
    ids.insert(item.id);
    ++types[item.truth.answer_type];
    EXPECT_EQ(item.defect, "");
  }
  EXPECT_EQ(pictures.size(), 1000U);
  EXPECT_EQ(ids.size(), 9673U);
  EXPECT_TRUE(std::filesystem::exists(*pictures.begin()));
  EXPECT_NEAR(types["yes/no"] / 9673.0, 0.74, 0.01);
  EXPECT_EQ(types["yes/no"] + types["other"], 9673);
}

TEST(EasyVqa, AsksTheBareQuestion) {
  const auto items = read_all(open_dataset("easy-vqa", with_assets()));
  EXPECT_EQ(items[0].id, "test-0");
  EXPECT_EQ(items[0].line, 1U);
  EXPECT_EQ(spelled(items[0]), "[0]what is the red shape?");
  EXPECT_EQ(items[0].pictures[0].name, "images/0.png");
  EXPECT_EQ(items[9672].id, "test-9672");
}

TEST(EasyVqa, TellsQuestionTypesByTheAnswer) {
  const auto items = read_all(open_dataset("easy-vqa", with_assets()));
  EXPECT_EQ(items[0].truth.question_type, "shape");
  EXPECT_EQ(items[1].truth.question_type, "color");
  EXPECT_EQ(items[3].truth.question_type, "yes/no");
  EXPECT_EQ(items[1].truth.answer_type, "other");
}

TEST(EasyVqa, IsFoundInItsFolder) {
  const std::string folder = (with_assets().assets / "easy-vqa").string();
  for (const std::string& word : {folder,
                                  folder + "/test",
                                  folder + "/test/questions.json",
                                  "easy-vqa:" + folder,
                                  "easy-vqa:" + folder + "/test/"}) {
    const Dataset dataset = open_dataset(word, {});
    EXPECT_EQ(dataset.name, "easy-vqa") << word;
    EXPECT_EQ(dataset.metric, "exact");
    EXPECT_EQ(dataset.open()->next()->id, "test-0") << word;
  }
}

TEST(EasyVqa, RefusesRecordsOfAnotherForm) {
  const TemporaryFolder folder;
  folder.write("images/0.png", "x");
  folder.write("questions.json", R"([["q", "a", 0], ["q", "a"]])");
  EXPECT_TRUE(contains(refusal(folder.path().string()), "record 2: expected [question, answer"));
  folder.write("questions.json", R"([["q", "a", 0], ["q", "a", "../x"]])");
  EXPECT_TRUE(contains(refusal(folder.path().string()), "record 2"));
  folder.write("questions.json", "[]");
  EXPECT_TRUE(contains(refusal(folder.path().string()), "empty"));
  folder.write("questions.json", R"([["q", "a", 0], )");
  EXPECT_TRUE(contains(refusal(folder.path().string()), "after record 1"));
}

}  // namespace
}  // namespace headroom::datasets
