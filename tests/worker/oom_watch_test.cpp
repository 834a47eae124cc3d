#include "oom_watch.h"

#include <gtest/gtest.h>

#include <fstream>

#include "support/worker_fixture.h"

namespace headroom::worker {

namespace {

/// A kernel's files in a folder.
class FakeKernel {
 public:
  void write(const std::string& file, const std::string& content) const {
    const std::filesystem::path path = folder_.path() / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << content;
  }

  OomWatch watch() const { return OomWatch({folder_.path() / "proc", folder_.path() / "cgroup"}); }

 private:
  testing::TemporaryFolder folder_;
};

TEST(OomWatch, FollowsTheGroupOfVersion2) {
  FakeKernel kernel;
  kernel.write("proc/7/cgroup", "0::/user/worker\n");
  kernel.write("cgroup/user/worker/memory.events", "low 0\nhigh 0\nmax 3\noom 1\noom_kill 1\n");
  kernel.write("cgroup/memory.events", "oom_kill 50\n");
  OomWatch watch = kernel.watch();
  watch.mark(7);
  EXPECT_TRUE(watch.readable());
  EXPECT_FALSE(watch.change());
  kernel.write("cgroup/user/worker/memory.events", "low 0\noom 2\noom_kill 2\n");
  ASSERT_TRUE(watch.change());
  EXPECT_TRUE(watch.change()->ends_with("cgroup/user/worker/memory.events oom_kill 1 -> 2"))
      << *watch.change();
}

TEST(OomWatch, FollowsTheGroupOfVersion1) {
  FakeKernel kernel;
  kernel.write("proc/7/cgroup", "5:cpu,cpuacct:/x\n4:memory:/work\n0::/\n");
  kernel.write("cgroup/memory/work/memory.oom_control",
               "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n");
  OomWatch watch = kernel.watch();
  watch.mark(7);
  kernel.write("cgroup/memory/work/memory.oom_control",
               "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
  ASSERT_TRUE(watch.change());
  EXPECT_TRUE(watch.change()->ends_with("memory.oom_control oom_kill 0 -> 1"));
}

TEST(OomWatch, TakesTheMountsRootInAContainerThatShowsAForeignPath) {
  FakeKernel kernel;
  kernel.write("proc/7/cgroup", "4:memory:/docker/0123\n");
  kernel.write("cgroup/memory/memory.oom_control", "oom_kill 4\n");
  OomWatch watch = kernel.watch();
  watch.mark(7);
  kernel.write("cgroup/memory/memory.oom_control", "oom_kill 5\n");
  EXPECT_TRUE(watch.change());
}

TEST(OomWatch, FallsBackToTheMachinesCount) {
  FakeKernel kernel;
  kernel.write("proc/vmstat", "nr_free_pages 12\noom_kill 9\nnr_x 1\n");
  OomWatch watch = kernel.watch();
  watch.mark(7);
  EXPECT_TRUE(watch.readable());
  kernel.write("proc/vmstat", "nr_free_pages 12\noom_kill 10\nnr_x 1\n");
  EXPECT_TRUE(watch.change());
}

TEST(OomWatch, KnowsThatItKnowsNothing) {
  const FakeKernel kernel;
  OomWatch watch = kernel.watch();
  watch.mark(7);
  EXPECT_FALSE(watch.readable());
  EXPECT_FALSE(watch.change());
}

}  // namespace

}  // namespace headroom::worker
