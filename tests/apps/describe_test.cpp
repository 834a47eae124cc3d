#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "base/files.h"
#include "base/json.h"
#include "process.h"
#include "support/temporary_folder.h"

namespace headroom::test {
namespace {

namespace fs = std::filesystem;

const fs::path kData = HEADROOM_TEST_DATA;

class DescribeTest : public ::testing::Test {
 protected:
  Finished describe(std::vector<std::string> words) const {
    words.insert(words.begin(), {"describe", "-m", "demo", "--memory", "512MiB"});
    return run({std::move(words), folder_.path(), {}, {}, false});
  }

  fs::path run_folder() const { return fs::directory_iterator(folder_ / "runs")->path(); }

  std::map<std::string, Json> answers() const {
    std::map<std::string, Json> all;
    std::ifstream file(run_folder() / "answers.jsonl");
    for (std::string line; std::getline(file, line);) {
      Json answer = Json::parse(line);
      std::string id = answer["id"];
      all.emplace(std::move(id), std::move(answer));
    }
    return all;
  }

  TemporaryFolder folder_;
};

TEST_F(DescribeTest, TellsAsManyItemsAsAReaderCounts) {
  const fs::path scenes = kData / "demo/described.json";
  for (const char* const prompt :
       {"Describe the image.", "Describe what you see in this image in detail."}) {
    const TemporaryFolder folder;
    const Finished finished = run({{"describe",
                                    "-m",
                                    "demo",
                                    "-d",
                                    scenes.string(),
                                    "--prompt",
                                    prompt,
                                    "--memory",
                                    "512MiB",
                                    "--json"},
                                   folder.path(),
                                   {},
                                   {},
                                   false});
    ASSERT_EQ(finished.status, 0) << finished.err;
    const Json summary = Json::parse(finished.out);
    EXPECT_EQ(summary["test"], "describe");
    std::uint64_t items = 0;
    std::uint64_t told = 0;
    for (const Json& scene : Json::parse(read_file(scenes))) {
      items += scene["items"].size();
      told += scene["told_by_hand"].get<std::uint64_t>();
    }
    const Json& described = summary["models"][0]["describe"];
    EXPECT_EQ(described["facts"]["facts"], items);
    EXPECT_EQ(described["facts"]["told"], told);
    EXPECT_EQ(described["described"], 7);
    EXPECT_EQ(described["captions"]["count"], 7);
    EXPECT_EQ(described["text_only"]["capability"], "supported");
    EXPECT_GT(described["tokens_per_second"].get<double>(), 0);
    EXPECT_GT(described["memory"]["after_bytes"].get<std::uint64_t>(),
              described["memory"]["after_clean_up_bytes"].get<std::uint64_t>());
  }
}

TEST_F(DescribeTest, FlagsAnAnswerThatIsCutOff) {
  const Finished finished = describe({"-d",
                                      (kData / "demo/scenes/0000.png").string(),
                                      "--max-tokens",
                                      "4",
                                      "--no-text-only",
                                      "--json"});
  ASSERT_EQ(finished.status, 0) << finished.err;
  const Json described = Json::parse(finished.out)["models"][0]["describe"];
  EXPECT_EQ(described["flags"]["cut-off"], 1);
  EXPECT_EQ(described["flagged"][0]["id"], "0000.png");
  EXPECT_EQ(described["text_only"]["capability"], "not asked");
  EXPECT_TRUE(described["facts"].is_null());
  EXPECT_EQ(answers().at("0000.png")["flags"], Json::array({"cut-off"}));
}

TEST_F(DescribeTest, NamesWhatIsNoPictureInAFolderAndDescribesTheRest) {
  const Finished finished = describe(
      {"-d", (kData / "cases/30-extension-lies/input/folder").string(), "--no-text-only", "-q"});
  EXPECT_EQ(finished.status, 3) << finished.err;
  const auto all = answers();
  EXPECT_EQ(all.size(), 9U);
  const Json expected =
      Json::parse(read_file(kData / "cases/30-extension-lies/expected.json"))["pictures"];
  for (const auto& [name, truth] : expected.items()) {
    const Json& answer = all.at(name);
    EXPECT_EQ(answer["outcome"], truth["outcome"] == "ok" ? "answered" : "image") << name;
  }
  EXPECT_NE(all.at("page.jpg")["error"].get<std::string>().find("HTML"), std::string::npos);
}

TEST_F(DescribeTest, LimitCountsPicturesAndKeepsTheTexts) {
  const Finished finished =
      describe({"-d", (kData / "demo/scenes/*.png").string(), "--limit", "2-3", "-q"});
  EXPECT_EQ(finished.status, 0) << finished.err;
  const auto all = answers();
  EXPECT_EQ(all.size(), 5U);
  EXPECT_TRUE(all.contains("0001.png"));
  EXPECT_TRUE(all.contains("0002.png"));
  EXPECT_EQ(all.at("text-only-1")["arm"], "text");
  EXPECT_EQ(all.at("text-only-1")["image_tokens"], 0);
}

TEST_F(DescribeTest, ResumesWithNothingLeftFromAnotherFolder) {
  fs::create_directory(folder_ / "pics");
  fs::copy_file(kData / "demo/scenes/0003.png", folder_ / "pics/a.png");
  ASSERT_EQ(describe({"-d", "pics/*.png", "--no-text-only", "-q"}).status, 0);
  const TemporaryFolder elsewhere;
  const Finished finished =
      run({{"resume", run_folder().string(), "--json"}, elsewhere.path(), {}, {}, false});
  EXPECT_EQ(finished.status, 0) << finished.err;
  EXPECT_EQ(Json::parse(finished.out)["models"][0]["describe"]["described"], 1);
}

TEST_F(DescribeTest, RefusesWithoutPictures) {
  EXPECT_EQ(describe({}).status, 2);
  EXPECT_EQ(describe({"-d", "nowhere"}).status, 2);
  EXPECT_TRUE(!fs::exists(folder_ / "runs"));
}

}  // namespace
}  // namespace headroom::test
