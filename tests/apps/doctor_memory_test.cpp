#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "process.h"
#include "support/temporary_folder.h"

namespace headroom::test {
namespace {

namespace fs = std::filesystem;

class DoctorMemory : public ::testing::Test {
 protected:
  Finished headroom(std::vector<std::string> arguments) const {
    return run({std::move(arguments), folder_.path(), {}, {}, false});
  }

  TemporaryFolder folder_;
};

TEST_F(DoctorMemory, PressesTheDemoModelFromAllSidesAndEveryCheckHolds) {
  const Finished finished = headroom({"doctor", "--memory", "--json"});
  ASSERT_FALSE(finished.out.empty()) << finished.err;
  const Json report = Json::parse(finished.out);
  EXPECT_EQ(report["schema"], "headroom.doctor-memory/1");
  EXPECT_EQ(report["model"], "demo");
  std::vector<std::string> names;
  for (const Json& check : report["checks"]) {
    names.push_back(check["name"]);
    EXPECT_TRUE(check["passed"].get<bool>()) << check;
    EXPECT_FALSE(check["figures"].empty()) << check;
  }
  EXPECT_EQ(names,
            (std::vector<std::string>{"load",
                                      "fill",
                                      "clean normal",
                                      "clean aggressive",
                                      "watermark",
                                      "unload",
                                      "load again",
                                      "killed worker",
                                      "wall"}));
  EXPECT_EQ(report["passed"], names.size());
  EXPECT_EQ(report["total"], names.size());
  EXPECT_EQ(finished.status, 0) << finished.err;
}

/// Of the last check, the wall.
Json wall_of(const Finished& finished) { return Json::parse(finished.out)["checks"].back(); }

TEST_F(DoctorMemory, TheWatchHoldsWhereTheKernelDoesNot) {
  const Json wall = wall_of(headroom({"doctor", "--memory", "--json", "--wall", "watch"}));
  EXPECT_TRUE(wall["passed"].get<bool>()) << wall;
  const auto evidence = wall["figures"]["evidence"].get<std::string>();
  EXPECT_NE(evidence.find("killed by the supervisor's watch: footprint "), std::string::npos)
      << evidence;
  EXPECT_GT(wall["figures"]["held_bytes"], wall["figures"]["limit_bytes"]) << wall;
}

TEST_F(DoctorMemory, AWallThatIsNotThereIsAFailedCheck) {
  const Finished finished = headroom({"doctor", "--memory", "--json", "--wall", "off"});
  EXPECT_EQ(finished.status, 1) << finished.err;
  EXPECT_FALSE(wall_of(finished)["passed"].get<bool>());
  EXPECT_EQ(Json::parse(finished.out)["passed"], 8);
}

TEST_F(DoctorMemory, SaysInWordsWhatDidNotHoldAndExitsWithOne) {
  // A worker whose readings are made up: it takes nothing, and gives nothing back.
  const Finished finished =
      headroom({"doctor", "--memory", "--worker-mlx", HEADROOM_BUILD_DIR "/tests/scripted_worker"});
  EXPECT_EQ(finished.status, 1) << finished.err;
  EXPECT_NE(finished.out.find("FAILED  fill"), std::string::npos) << finished.out;
  EXPECT_NE(finished.out.find("asking took nothing: live arrays"), std::string::npos)
      << finished.out;
  EXPECT_NE(finished.out.find("ok      killed worker"), std::string::npos) << finished.out;
  EXPECT_NE(finished.out.find("/9 checks passed\n"), std::string::npos) << finished.out;
  EXPECT_EQ(finished.out.find("9/9"), std::string::npos) << finished.out;
}

TEST_F(DoctorMemory, RefusesAnUnknownModelAndOneWithoutTheFlag) {
  EXPECT_EQ(headroom({"doctor", "--memory", "no/such-model"}).status, 2);
  const Finished word = headroom({"doctor", "demo"});
  EXPECT_EQ(word.status, 2);
  EXPECT_NE(word.err.find("with --memory only"), std::string::npos) << word.err;
}

TEST_F(DoctorMemory, TheBudgetsVariableAndKeyAreNotTheSwitch) {
  std::ofstream(folder_ / "headroom.toml") << "memory = \"512MiB\"\n";
  const Finished finished =
      run({{"doctor", "--json"}, folder_.path(), {{"HEADROOM_MEMORY", "512MiB"}}, {}, false});
  ASSERT_EQ(finished.status, 0) << finished.err;
  EXPECT_EQ(Json::parse(finished.out)["schema"], "headroom.doctor/1");
}

TEST_F(DoctorMemory, TheDoctorSaysWhichWallThereIs) {
  const Finished finished = headroom({"doctor", "--json"});
  ASSERT_EQ(finished.status, 0) << finished.err;
  const Json wall = Json::parse(finished.out)["wall"];
  EXPECT_TRUE(wall["kind"] == "kernel" || wall["kind"] == "watch") << wall;
  EXPECT_FALSE(wall["text"].get<std::string>().empty());
}

/// The details of a run's memory events of the kind "wall".
std::set<std::string> walls_of_newest_run(const fs::path& runs) {
  std::set<std::string> details;
  for (const auto& entry : fs::directory_iterator(runs)) {
    std::ifstream file(entry.path() / "memory.jsonl");
    for (std::string line; std::getline(file, line);) {
      const Json event = Json::parse(line);
      if (event.value("kind", "") == "wall") {
        details.insert(event["detail"].get<std::string>());
      }
    }
  }
  return details;
}

TEST_F(DoctorMemory, ARunRecordsItsWall) {
  ASSERT_EQ(headroom({"vqa", "--limit", "3", "-q", "--wall", "off", "-o", "off"}).status, 0);
  EXPECT_TRUE(walls_of_newest_run(folder_ / "off").empty());
  ASSERT_EQ(headroom({"vqa", "--limit", "3", "-q", "--wall", "watch", "-o", "watch"}).status, 0);
  EXPECT_EQ(walls_of_newest_run(folder_ / "watch"),
            std::set<std::string>{"the supervisor's watch (--wall watch)"});
  const Finished finished = headroom({"vqa", "--limit", "3", "-q", "-o", "auto"});
  ASSERT_EQ(finished.status, 0) << finished.err;
  EXPECT_EQ(walls_of_newest_run(folder_ / "auto").size(), 1U);
}

}  // namespace
}  // namespace headroom::test
