#include <gtest/gtest.h>

#include "base/errors.h"
#include "reading.h"

namespace headroom::datasets {
namespace {

using namespace test;

TEST(Open, SuggestsTheNearestWordAndSaysWhatIsPossible) {
  const std::string message = refusal("easyvqa");
  EXPECT_TRUE(contains(message, "did you mean 'easy-vqa'")) << message;
  EXPECT_TRUE(contains(message, "FILE.jsonl")) << message;
}

TEST(Open, SuggestsAFileBesideTheMisspeltOne) {
  const TemporaryFolder folder;
  folder.write("questions.jsonl", "{}");
  const std::string message = refusal((folder.path() / "question.jsonl").string());
  EXPECT_TRUE(contains(message, "questions.jsonl'?")) << message;
}

TEST(Open, SuggestsTheNearestFormat) {
  EXPECT_TRUE(contains(refusal("vqa2:/data"), "did you mean 'vqav2'"));
  EXPECT_TRUE(contains(refusal("pope:file.jsonl"), "there is no format 'pope'"));
}

TEST(Open, RefusesWhatIsNotRead) {
  const TemporaryFolder folder;
  EXPECT_TRUE(contains(refusal(folder.write("a.csv", "id,question\n").string()), "'.csv'"));
  EXPECT_TRUE(contains(refusal(folder.path().string()), "a folder without questions"));
  EXPECT_TRUE(contains(refusal("jsonl:" + folder.path().string()), "a folder, expected a file"));
  EXPECT_TRUE(contains(refusal("jsonl:/no/such.jsonl"), "No such file"));
  EXPECT_TRUE(contains(refusal("vqav2:/no/such"), "no such file"));
  EXPECT_TRUE(contains(refusal("easy-vqa:/no/such"), "expected easy-VQA's folder"));
  EXPECT_TRUE(contains(refusal("jsonl:/dev/null"), "a device or pipe"));
}

TEST(Open, ThrowsUsageErrors) {
  EXPECT_THROW(open_dataset("easyvqa", {}), UsageError);
  EXPECT_THROW(open_dataset("", {}), UsageError);
  EXPECT_THROW(open_dataset(":", {}), UsageError);
}

TEST(Open, LetsAnExistingFileWinOverAFormat) {
  const TemporaryFolder folder;
  const auto file = folder.write("a:b.jsonl", R"({"id": 1, "question": "q"})");
  EXPECT_EQ(read_all(file).size(), 1U);
}

TEST(Open, OpensAgainByNameAndArgument) {
  const TemporaryFolder folder;
  const auto lines = folder.write("a.jsonl", R"({"id": 1, "question": "q"})");
  const auto list = folder.write("a.json", R"([{"id": 1, "question": "q"}])");
  const auto pair = kCases / "44-no-references/input";
  for (const std::string& word : {lines.string(), list.string(), pair.string()}) {
    const Dataset first = open_dataset(word, {});
    const Dataset again = open_dataset(first.name + ":" + first.argument, {});
    EXPECT_EQ(again.name, first.name);
    EXPECT_EQ(read_all(again).size(), read_all(first).size());
  }
}

}  // namespace
}  // namespace headroom::datasets
