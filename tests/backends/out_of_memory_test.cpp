// The kernel's own kill inside a memory control group: needs one that may be made here, as root in
// a container or on a machine with a delegated group.
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <map>

#include "backends/worker_backend.h"
#include "support/worker_fixture.h"

namespace headroom::backends {

namespace {

using testing::group_of;
using testing::TemporaryFolder;
using worker::Answer;

constexpr const char* kLimit = "50331648";  // 48 MiB

/// A memory control group with a small limit; `path` is empty where none can be made.
class SmallGroup {
 public:
  SmallGroup() {
    const std::string name = "headroom-test-" + std::to_string(::getpid());
    make("/sys/fs/cgroup/memory/" + name, "memory.limit_in_bytes");
    if (path_.empty()) {
      make("/sys/fs/cgroup/" + name, "memory.max");
    }
  }

  ~SmallGroup() {
    for (int i = 0; !path_.empty() && ::rmdir(path_.c_str()) != 0 && i < 1000; ++i) {
      ::usleep(1000);
    }
  }

  SmallGroup(const SmallGroup&) = delete;
  SmallGroup& operator=(const SmallGroup&) = delete;

  const std::string& path() const { return path_; }

 private:
  void make(const std::string& path, const std::string& limit) {
    std::error_code error;
    if (!std::filesystem::create_directory(path, error)) {
      return;
    }
    std::ofstream(path + "/" + limit) << kLimit;
    std::string read;
    std::ifstream(path + "/" + limit) >> read;
    if (read == kLimit) {
      path_ = path;
    } else {
      ::rmdir(path.c_str());
    }
  }

  std::string path_;
};

TEST(OutOfMemory, TheKernelsKillIsToldApartAndTheItemGivenUp) {
  const SmallGroup group;
  if (group.path().empty()) {
    GTEST_SKIP() << "no memory control group can be made here";
  }
  const TemporaryFolder state;
  const Json script = Json::array({{{"at", "before"}, {"item", "q2"}, {"do", "allocate"}}});
  worker::WorkerCommand command = testing::scripted_command(script, state);
  command.args.insert(
      command.args.begin(),
      {"-c", "echo $$ > " + group.path() + "/cgroup.procs; exec \"$0\" \"$@\"", command.program});
  command.program = "sh";
  SystemClock clock;
  NullLog log;
  WorkerBackend backend(command, {.restart_pause = std::chrono::milliseconds(1)}, clock, log);
  std::vector<Death> deaths;
  backend.on_death = [&](const Death& death) { deaths.push_back(death); };
  backend.load({.model = state.path().string()});
  std::map<std::string, Answer> answers;
  backend.ask(group_of("g", 3), [&](Answer&& answer) { answers[answer.id] = std::move(answer); });
  ASSERT_EQ(deaths.size(), 3U);
  for (const Death& death : deaths) {
    EXPECT_EQ(to_string(death.kind), "out of memory") << death.evidence;
    EXPECT_NE(death.evidence.find("oom_kill"), std::string::npos) << death.evidence;
  }
  EXPECT_EQ(answers["q1"].outcome, Outcome::kAnswered);
  EXPECT_EQ(answers["q2"].outcome, Outcome::kMemory);
  EXPECT_EQ(answers["q2"].error_code, "E-WORKER-OOM");
  EXPECT_NE(answers["q2"].error.find("peak footprint"), std::string::npos) << answers["q2"].error;
  EXPECT_EQ(answers["q3"].outcome, Outcome::kAnswered);
}

}  // namespace

}  // namespace headroom::backends
