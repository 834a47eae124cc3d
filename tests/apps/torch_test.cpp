#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "demo_checkpoint.h"
#include "process.h"
#include "support/temporary_folder.h"

namespace headroom::test {
namespace {

namespace fs = std::filesystem;

/// The program as it treats torch: words. Where an engine is needed, a stand-in for Python runs the
/// worker's own logic over one that needs no PyTorch.
class Torch : public ::testing::Test {
 protected:
  Finished headroom(std::vector<std::string> arguments,
                    std::map<std::string, std::string> environment = {}) const {
    return run({std::move(arguments), folder_.path(), std::move(environment), {}, false});
  }

  /// A program that keeps its arguments in `arguments` and answers the contract.
  std::string python() const {
    const fs::path file = folder_ / "python";
    std::ofstream(file) << "#!/bin/sh\necho \"$@\" >> '" << (folder_ / "arguments").string()
                        << "'\nexec python3 -I -B " HEADROOM_SOURCE_DIR
                           "/workers/torch/tests/fake_worker.py\n";
    fs::permissions(file, fs::perms::owner_all);
    return file.string();
  }

  std::string arguments() const {
    std::ifstream stream(folder_ / "arguments");
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  TemporaryFolder folder_;
};

TEST_F(Torch, ItsAbsenceIsOneLineWithTheCommandThatGetsIt) {
  const Finished finished = headroom({"vqa", "-m", "torch:demo", "--limit", "1"});
  EXPECT_EQ(finished.status, 2);
  EXPECT_NE(finished.err.find("error[E-ENGINE-MISSING]: PyTorch is not set up"), std::string::npos)
      << finished.err;
  EXPECT_NE(finished.err.find("get it with: headroom setup torch\n"), std::string::npos);
  EXPECT_FALSE(fs::exists(folder_ / "runs"));
}

TEST_F(Torch, AnEnvironmentThatWasNotFinishedIsMendedNotUsed) {
  const fs::path environment = folder_ / "share" / "headroom" / "torch";
  fs::create_directories(environment / "bin");
  fs::copy_file("/bin/true", environment / "bin" / "python");
  const std::map<std::string, std::string> data = {{"XDG_DATA_HOME", folder_ / "share"}};
  for (const char* made : {"", "torch==1.0\n"}) {
    std::ofstream(environment / "requirements.txt") << made;
    const Finished finished = headroom({"vqa", "-m", "torch:demo", "--limit", "1"}, data);
    EXPECT_EQ(finished.status, 2);
    EXPECT_NE(finished.err.find("mend it with: headroom setup torch"), std::string::npos)
        << finished.err;
  }
}

TEST_F(Torch, DoctorListsEachEngineOrTheCommandThatGetsIt) {
  const Json without = Json::parse(headroom({"doctor", "--json"}).out);
  EXPECT_NE(dump_json(without["missing"]).find("headroom setup torch"), std::string::npos);
  const Json with = Json::parse(headroom({"doctor", "--json", "--torch-python", python()}).out);
  EXPECT_EQ(with["engines"].back()["engine"], "fake") << with;
  EXPECT_EQ(dump_json(with["missing"]).find("torch"), std::string::npos);
}

TEST_F(Torch, AModelIsAskedByItsWorkerBesideTheSameOnMlx) {
  const Finished finished = headroom({"vqa",
                                      "-m",
                                      "torch:demo",
                                      "-m",
                                      "demo",
                                      "--order",
                                      "given",
                                      "--limit",
                                      "30",
                                      "--torch-python",
                                      python(),
                                      "--json"});
  EXPECT_EQ(finished.status, 0) << finished.err;
  const Json models = Json::parse(finished.out)["models"];
  ASSERT_EQ(models.size(), 2U);
  EXPECT_EQ(models[0]["name"], "demo-torch");
  EXPECT_EQ(models[0]["engine"], "fake");
  EXPECT_EQ(models[0]["answered"], 30);
  EXPECT_EQ(models[1]["name"], "demo");
  EXPECT_EQ(models[1]["engine"], "mlx");
  EXPECT_EQ(models[1]["answered"], 30);
  EXPECT_NE(arguments().find("workers/torch"), std::string::npos);
  EXPECT_EQ(arguments().find("--trust-remote-code"), std::string::npos);
}

TEST_F(Torch, AModelsOwnCodeIsTrustedOnTheCommandLineAloneAndHashed) {
  const DemoCheckpoint own(folder_ / "own");
  own.write("modeling_own.py", "print('mine')\n");
  const std::vector<std::string> ask = {
      "vqa", "-m", "torch:./own", "--limit", "2", "--torch-python", python()};
  EXPECT_EQ(headroom(ask, {{"HEADROOM_TRUST_REMOTE_CODE", "1"}}).status, 0);
  EXPECT_EQ(arguments().find("--trust-remote-code"), std::string::npos);
  fs::remove_all(folder_ / "runs");
  std::vector<std::string> trusting = ask;
  trusting.emplace_back("--trust-remote-code");
  EXPECT_EQ(headroom(trusting).status, 0);
  EXPECT_NE(arguments().find("--trust-remote-code"), std::string::npos);
  own.write("modeling_own.py", "print('another')\n");
  const fs::path made = fs::directory_iterator(folder_ / "runs")->path();
  const Finished changed = headroom({"resume", made.string(), "--torch-python", python()});
  EXPECT_EQ(changed.status, 2);
  EXPECT_NE(changed.err.find("modeling_own.py"), std::string::npos) << changed.err;
}

TEST_F(Torch, SetupKnowsWhatItCanGetAndSaysWhatFailed) {
  EXPECT_NE(headroom({"setup", "mlx"}).err.find("there is torch"), std::string::npos);
  EXPECT_EQ(headroom({"setup"}).status, 2);
  const Finished none = headroom({"setup", "torch", "--python", "/no/such/python"});
  EXPECT_EQ(none.status, 1);
  EXPECT_NE(none.err.find("E-SETUP"), std::string::npos) << none.err;
  EXPECT_NE(none.err.find("/no/such/python"), std::string::npos) << none.err;
}

}  // namespace
}  // namespace headroom::test
