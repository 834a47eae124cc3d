#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "base/json.h"
#include "demo_checkpoint.h"
#include "process.h"
#include "support/temporary_folder.h"

namespace headroom::test {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kSample = {
    "100187002", "278161005", "134483004", "117869005", "302260000", "297944003", "32364003",
    "413522004", "248069002", "145824000", "499727001", "248767004", "346214001", "143450001",
    "223174004", "455506003", "4396000",   "397303002", "406647002", "376667002"};

/// What a user of the Python tool typed, with VQA v2's files: its twenty questions and another,
/// in the order of their numbers, about pictures of easy-VQA under COCO's names.
class OldTool : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_ / "vqa/val2014");
    std::vector<std::string> ids = kSample;
    ids.emplace_back("555000");
    std::sort(ids.begin(), ids.end(), [](const std::string& a, const std::string& b) {
      return std::stoul(a) < std::stoul(b);
    });
    Json questions = Json::array();
    Json annotations = Json::array();
    for (const std::string& id : ids) {
      const std::uint64_t number = std::stoul(id);
      const std::uint64_t image = number / 1000;
      questions.push_back({{"question_id", number},
                           {"image_id", image},
                           {"question", "what is the color of the shape?"}});
      Json answers = Json::array();
      for (int i = 0; i < 10; ++i) {
        answers.push_back({{"answer", i < 8 ? "blue" : "black"}, {"answer_id", i + 1}});
      }
      annotations.push_back({{"question_id", number},
                             {"image_id", image},
                             {"answer_type", "other"},
                             {"question_type", "what is the color of the"},
                             {"multiple_choice_answer", "blue"},
                             {"answers", std::move(answers)}});
      std::string name = std::to_string(image);
      name.insert(0, 12 - name.size(), '0');
      fs::copy_file(demo_assets() / "easy-vqa/test/images/0.png",
                    folder_ / ("vqa/val2014/COCO_val2014_" + name + ".jpg"));
    }
    write("vqa/v2_OpenEnded_mscoco_val2014_questions.json", {{"questions", questions}});
    write("vqa/v2_mscoco_val2014_annotations.json", {{"annotations", annotations}});
  }

  void write(const std::string& name, const Json& json) const {
    std::ofstream(folder_ / name) << json.dump();
  }

  Finished headroom(std::vector<std::string> arguments) const {
    return run({std::move(arguments), folder_.path(), {}, {}, false});
  }

  fs::path only_run() const { return fs::directory_iterator(folder_ / "runs")->path(); }

  TemporaryFolder folder_;
};

TEST_F(OldTool, ItsCommandAsksItsQuestionsInItsOrderAndSavesItsFile) {
  const Finished finished = headroom({"vqa",
                                      "--models",
                                      "demo",
                                      "-d",
                                      "vqav2:vqa",
                                      "--sample",
                                      "legacy",
                                      "--profile",
                                      "legacy",
                                      "--questions",
                                      "7",
                                      "--verbose",
                                      "--save-results"});
  ASSERT_EQ(finished.status, 0) << finished.err;
  EXPECT_NE(finished.out.find("scored by legacy-vqa, profile legacy"), std::string::npos)
      << finished.out;
  EXPECT_NE(finished.out.find("legacy-simple"), std::string::npos) << finished.out;
  EXPECT_NE(finished.out.find("what is the color of the          7"), std::string::npos)
      << finished.out;
  EXPECT_NE(finished.err.find("[7/7] 32364003 (COCO_val2014_000000032364.jpg): what is"),
            std::string::npos)
      << finished.err;
  std::ifstream stored(only_run() / "vqa_results.json");
  const Json results = Json::parse(stored);
  std::vector<std::string> ids;
  for (const Json& row : results["models"][0]["results"]) {
    ids.push_back(row["question_id"]);
    EXPECT_EQ(row["ground_truth"], "blue");
  }
  EXPECT_EQ(ids, std::vector<std::string>(kSample.begin(), kSample.begin() + 7));
}

TEST_F(OldTool, AStoredRunIsShownUnderEitherProfile) {
  ASSERT_EQ(headroom({"vqa", "-d", "vqav2:vqa", "--limit", "2", "-q"}).status, 0);
  const Json official = Json::parse(headroom({"show", "--json"}).out);
  const Json legacy = Json::parse(headroom({"show", "--profile", "legacy", "--json"}).out);
  EXPECT_EQ(official["metric"], "vqa-accuracy");
  EXPECT_EQ(official["second_metric"], "vqa-simple");
  EXPECT_EQ(legacy["metric"], "legacy-vqa");
  EXPECT_EQ(legacy["profile"], "legacy");
}

TEST_F(OldTool, ItsSampleIsOfItsDataOnly) {
  const Finished finished = headroom({"vqa", "-d", "easy-vqa", "--sample", "legacy"});
  EXPECT_EQ(finished.status, 2);
  EXPECT_NE(finished.err.find("vqav2:FOLDER"), std::string::npos) << finished.err;
}

TEST_F(OldTool, AQuestionIsShownWithItsPicturesPathWhereNoTerminalIs) {
  ASSERT_EQ(headroom({"vqa", "-d", "vqav2:vqa", "--limit", "1", "-q"}).status, 0);
  const Finished shown = headroom({"show", "last", "555000"});
  ASSERT_EQ(shown.status, 0) << shown.err;
  EXPECT_NE(shown.out.find("(vqa/val2014/COCO_val2014_000000000555.jpg)"), std::string::npos)
      << shown.out;
  EXPECT_EQ(shown.out.find('\x1b'), std::string::npos);
}

TEST_F(OldTool, ASystemMessageReachesTheModel) {
  const Finished finished = headroom(
      {"vqa", "--limit", "1", "--system", "Answer in one word.", "-vv", "--max-tokens", "4"});
  EXPECT_EQ(finished.status, 0) << finished.err;
  EXPECT_NE(finished.err.find("Answer in one word."), std::string::npos) << finished.err;
}

}  // namespace
}  // namespace headroom::test
