#include <gtest/gtest.h>

#include "reading.h"

namespace headroom::datasets {
namespace {

using namespace test;

const std::string kPair = (kCases / "44-no-references/input").string();

TEST(VqaV2, JoinsQuestionsWithAnnotations) {
  const Dataset dataset = open_dataset(kPair, {});
  EXPECT_EQ(dataset.name, "vqav2");
  EXPECT_EQ(dataset.metric, "vqa-accuracy");
  const auto items = read_all(dataset);
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(items[1].id, "2");
  EXPECT_EQ(items[1].truth.references, std::vector<std::string>(10, "no"));
  EXPECT_EQ(items[1].truth.answer_type, "yes/no");
  EXPECT_EQ(items[1].truth.question_type, "is it");
  EXPECT_EQ(spelled(items[1]),
            "[0]Is it blue?\nAnswer the question using a single word or phrase.");
  EXPECT_TRUE(std::filesystem::exists(items[1].pictures.at(0).path));
}

TEST(VqaV2, LeavesQuestionsWithoutAnnotationUnscoredAndSaysSo) {
  const Survey found = survey(open_dataset("vqav2:" + kPair, {}));
  EXPECT_EQ(found.items, 2U);
  EXPECT_EQ(found.without_references, 1U);
  ASSERT_EQ(found.notices.size(), 2U);
  EXPECT_TRUE(contains(found.notices[0], "1 of 2 items has no annotation")) << found.notices[0];
  EXPECT_TRUE(contains(found.notices[1], "1 annotations have no question: 77"));
}

TEST(VqaV2, TakesTheFilesByName) {
  for (const std::string& word :
       {"vqav2:" + kPair + "/vqa_questions.json",
        kPair + "/vqa_questions.json",
        "vqav2:" + kPair + "/vqa_questions.json," + kPair + "/vqa_annotations.json"}) {
    EXPECT_EQ(read_all(open_dataset(word, {})).at(1).truth.references.size(), 10U) << word;
  }
}

/// Two splits in one folder, as they are downloaded.
class TwoSplits : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const std::string split : {"train2014", "val2014"}) {
      folder_.write(
          "v2_OpenEnded_mscoco_" + split + "_questions.json",
          R"({"info": {"x": [1, "]"]}, "questions": [{"question_id": 42000, "image_id": 42,
                        "question": ")" +
              split + R"( é?"}]})");
      folder_.write("v2_mscoco_" + split + "_annotations.json",
                    R"({"annotations": [{"question_id": 42000, "answers": [{"answer": ")" + split +
                        R"("}]}], "license": "none"})");
      folder_.write(split + "/COCO_" + split + "_000000000042.jpg", "x");
    }
  }

  std::string file(const std::string& name) const { return (folder_.path() / name).string(); }

  TemporaryFolder folder_;
};

TEST_F(TwoSplits, AreRefusedWithBothNames) {
  const std::string message = refusal(folder_.path().string());
  EXPECT_TRUE(contains(message, "2 files of questions")) << message;
  EXPECT_TRUE(contains(message, "train2014_questions.json")) << message;
  EXPECT_TRUE(contains(message, "val2014_questions.json")) << message;
}

TEST_F(TwoSplits, AreToldApartByTheQuestionsName) {
  const Dataset dataset =
      open_dataset("vqav2:" + file("v2_OpenEnded_mscoco_val2014_questions.json"), {});
  EXPECT_EQ(dataset.label, "vqav2-val2014");
  const Item item = read_all(dataset).at(0);
  EXPECT_EQ(item.question, "val2014 é?");
  EXPECT_EQ(item.truth.references, std::vector<std::string>{"val2014"});
  EXPECT_EQ(item.pictures.at(0).path.filename(), "COCO_val2014_000000000042.jpg");
}

/// Questions and annotations in folders of their own, pictures in a third, from another folder.
class ApartFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_.write("asked, again/questions.json",
                  R"({"questions": [{"question_id": 1, "image_id": 1, "question": "?"}]})");
    folder_.write("truth/annotations.json",
                  R"({"annotations": [{"question_id": 1, "answers": [{"answer": "yes"}]}]})");
    folder_.write("images/COCO_val2014_000000000001.jpg", "x");
    options_.pictures = folder_.path() / "images";
    before_ = std::filesystem::current_path();
    std::filesystem::current_path(folder_.path());
  }

  void TearDown() override { std::filesystem::current_path(before_); }

  /// As a run that goes on elsewhere does.
  Item opened_again(const std::string& word) {
    const Dataset first = open_dataset(word, options_);
    std::filesystem::current_path("/");
    return read_all(open_dataset(first.name + ":" + first.argument, options_)).at(0);
  }

  TemporaryFolder folder_;
  OpenOptions options_;
  std::filesystem::path before_;
};

TEST_F(ApartFiles, NamedAnnotationsAreFoundAgainFromElsewhere) {
  const Item item = opened_again("vqav2:asked, again/questions.json,truth/annotations.json");
  EXPECT_EQ(item.truth.references, std::vector<std::string>{"yes"});
}

TEST_F(ApartFiles, AFolderIsFoundAgainAsAWhole) {
  options_.pictures.clear();
  const Item item = opened_again("vqav2:.");
  EXPECT_EQ(item.truth.references, std::vector<std::string>{"yes"});
  EXPECT_EQ(item.pictures.at(0).path, folder_.path() / "images/COCO_val2014_000000000001.jpg");
}

TEST(VqaV2, TakesTestSplitsWithoutAnnotations) {
  const TemporaryFolder folder;
  folder.write("v2_OpenEnded_mscoco_test2015_questions.json",
               R"({"questions": [{"question_id": 1, "image_id": 1, "question": "?"}]})");
  folder.write("v2_mscoco_val2014_annotations.json", R"({"annotations": []})");
  folder.write("test2015/COCO_test2015_000000000001.jpg", "x");
  const Survey found = survey(open_dataset(folder.path().string(), {}));
  EXPECT_EQ(found.without_references, 1U);
  EXPECT_TRUE(contains(found.notices.at(0), "no annotations"));
}

/// A pair with these lists, and one picture.
std::string refusal_of_pair(const std::string& questions, const std::string& annotations) {
  const TemporaryFolder folder;
  folder.write("questions_val.json", questions);
  folder.write("annotations_val.json", annotations);
  folder.write("COCO_val2014_000000000001.jpg", "x");
  return refusal("vqav2:" + folder.path().string());
}

const std::string kQuestions =
    R"({"questions": [{"question_id": 1, "image_id": 1, "question": "a"},
                      {"question_id": 2, "image_id": 1, "question": "b"}]})";
const std::string kAnnotations = R"({"annotations": [{"question_id": 1, "answers": []}]})";

TEST(VqaV2, RefusesBrokenPairsNamingThePlace) {
  EXPECT_EQ(refusal_of_pair(kQuestions, kAnnotations), "");
  const auto repeated = refusal_of_pair(
      R"({"questions": [{"question_id": 1}, {"question_id": 2}, {"question_id": 1}]})",
      kAnnotations);
  EXPECT_TRUE(contains(repeated, "question_id '1' stands in record 1 and again in record 3"))
      << repeated;
  const auto twice =
      refusal_of_pair(kQuestions, R"({"annotations": [{"question_id": 1}, {"question_id": 1}]})");
  EXPECT_TRUE(contains(twice, "annotations_val.json: question_id '1' stands in record 1")) << twice;
  const auto no_id = refusal_of_pair(R"({"questions": [{"id": 1, "image_id": 1}]})", kAnnotations);
  EXPECT_TRUE(contains(no_id, "record 1: no question_id; fields found: id, image_id")) << no_id;
  const auto no_list = refusal_of_pair(R"({"question": [], "info": {}})", kAnnotations);
  EXPECT_TRUE(contains(no_list, "no list 'questions'; it has: question, info")) << no_list;
  const auto cut = refusal_of_pair(kQuestions, R"({"annotations": [{"question_id": 1, "answ)");
  EXPECT_TRUE(contains(cut, "the file ends")) << cut;
  const auto empty = refusal_of_pair("", kAnnotations);
  EXPECT_TRUE(contains(empty, "empty")) << empty;
  const auto none = refusal_of_pair(R"({"questions": []})", kAnnotations);
  EXPECT_TRUE(contains(none, "the list 'questions' is empty")) << none;
  const auto inner = refusal_of_pair(R"({"questions": [{"question_id": 1, }]})", kAnnotations);
  EXPECT_TRUE(contains(inner, "record 1: not valid JSON")) << inner;
}

TEST(VqaV2, RefusesAFolderWithoutPictures) {
  const TemporaryFolder folder;
  folder.write("questions.json", kQuestions);
  EXPECT_TRUE(contains(refusal("vqav2:" + folder.path().string()), "no pictures"));
}

TEST(VqaV2, BlamesTheRowForAPictureNumberThatIsNone) {
  const TemporaryFolder folder;
  folder.write("questions.json",
               R"({"questions": [{"question_id": 1, "image_id": "../x", "question": "a"}]})");
  folder.write("COCO_val2014_000000000001.jpg", "x");
  EXPECT_TRUE(contains(read_all(folder.path()).at(0).defect, "image_id '../x'"));
}

}  // namespace
}  // namespace headroom::datasets
