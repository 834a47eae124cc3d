#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "process.h"
#include "support/temporary_folder.h"

namespace headroom::test {
namespace {

namespace fs = std::filesystem;

class AwkwardWords : public ::testing::Test {
 protected:
  Finished headroom(std::vector<std::string> arguments) const {
    return run({std::move(arguments), folder_.path(), {}, {}, false});
  }

  TemporaryFolder folder_;
};

TEST_F(AwkwardWords, WhatIsToldToTypeCanBeTyped) {
  std::ofstream(folder_ / "data.jsonl")
      << R"({"id": "-1 b", "image": "gone.png", "question": "what is it?"})" << '\n';
  const Finished finished = headroom({"vqa", "-d", "data.jsonl", "-o", "my runs"});
  ASSERT_EQ(finished.status, 3) << finished.err;
  const fs::path run_folder = fs::directory_iterator(folder_ / "my runs")->path();
  const std::string told =
      "`headroom show 'my runs/" + run_folder.filename().string() + "' -- '-1 b'` says why";
  EXPECT_NE(finished.err.find(told), std::string::npos) << finished.err;
  const Finished shown = headroom({"show", run_folder.string(), "--", "-1 b"});
  EXPECT_EQ(shown.status, 0) << shown.err;
  EXPECT_NE(shown.out.find("gone.png"), std::string::npos) << shown.out;
}

TEST_F(AwkwardWords, BehindTwoDashesNothingIsAFlag) {
  const Finished finished = headroom({"show", "--", "--json"});
  EXPECT_EQ(finished.status, 2);
  EXPECT_NE(finished.err.find("no run '--json'"), std::string::npos) << finished.err;
}

}  // namespace
}  // namespace headroom::test
