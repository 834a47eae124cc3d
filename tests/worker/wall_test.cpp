#include "worker/wall.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "base/errors.h"
#include "support/worker_fixture.h"

namespace headroom::worker {

namespace {

namespace fs = std::filesystem;

constexpr const char* kMountVersion1 =
    "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
constexpr const char* kMountVersion2 = "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";

pid_t dead_pid() {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::_exit(0);
  }
  ::waitpid(pid, nullptr, 0);
  return pid;
}

/// A system's files in a folder. Its groups keep what is written into them, and limit nothing.
class FakeSystem {
 public:
  void write(const std::string& file, const std::string& content) const {
    fs::create_directories((folder_ / file).parent_path());
    std::ofstream(folder_ / file) << content;
  }

  std::string read(const std::string& file) const {
    std::ifstream in(folder_ / file);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }

  void version_1(const std::string& group) const {
    write("proc/self/mountinfo", kMountVersion1);
    write("proc/self/cgroup", "4:memory:" + group + "\n");
    fs::create_directories(path("sys/fs/cgroup/memory") / group.substr(1));
  }

  /// A group /team/main in a subtree that has the memory controller.
  void version_2() const {
    write("proc/self/mountinfo", kMountVersion2);
    write("proc/self/cgroup", "0::/team/main\n");
    write("sys/fs/cgroup/team/cgroup.controllers", "cpu memory pids\n");
    write("sys/fs/cgroup/team/cgroup.subtree_control", "memory pids\n");
    write("sys/fs/cgroup/team/cgroup.procs", "");
    write("sys/fs/cgroup/team/main/cgroup.controllers", "pids\n");
    write("sys/fs/cgroup/team/main/memory.max", "max\n");
  }

  void systemd() const { fs::create_directories(path("run/systemd/system")); }

  /// A systemd-run that says which limit the scope got, and runs anything else than the trial.
  void scopes(const std::string& trial_answer) const {
    write("systemd-run",
          "#!/bin/sh\necho \"$@\" >> " + path("scopes").string() +
              "\nwhile [ \"$1\" != -- ]; do shift; done; shift\n"
              "case \"$1\" in sh) " +
              trial_answer + ";; *) exec \"$@\";; esac\n");
    write("systemctl", "#!/bin/sh\necho \"$@\" >> " + path("properties").string() + "\n");
    fs::permissions(path("systemd-run"), fs::perms::owner_all);
    fs::permissions(path("systemctl"), fs::perms::owner_all);
  }

  fs::path path(const std::string& file) const { return folder_ / file; }

  WallPlaces places() const {
    return {folder_.path(), path("systemd-run").string(), path("systemctl").string()};
  }

 private:
  testing::TemporaryFolder folder_;
};

/// Below a fake root, the name of the group that was made in `parent`.
std::string made_in(const FakeSystem& system, const std::string& parent) {
  const std::string name = "headroom-" + std::to_string(::getpid()) + "-0";
  return fs::is_directory(system.path(parent) / name) ? parent + "/" + name : "nothing";
}

TEST(KernelWall, IsAGroupBelowOursInVersion1) {
  const FakeSystem system;
  system.version_1("/user");
  const KernelWallSearch search = find_kernel_wall(system.places());
  ASSERT_TRUE(search.found) << search.why_not;
  EXPECT_EQ(search.why_not, "");
  const std::string group = made_in(system, "sys/fs/cgroup/memory/user");
  EXPECT_EQ(system.read(group + "/memory.limit_in_bytes"), "-1") << "no limit yet";
  EXPECT_EQ(search.found->set_limit(Bytes(1 << 26)), "");
  EXPECT_EQ(system.read(group + "/memory.limit_in_bytes"), "67108864");
  EXPECT_EQ(system.read(group + "/memory.swappiness"), "0");
  const WorkerCommand inside = search.found->inside({"program", {"a"}, {}});
  EXPECT_EQ(inside.program, "program");
  EXPECT_EQ(inside.group, system.path(group));
}

TEST(KernelWall, LimitsSwapWithMemoryWhereVersion1CountsIt) {
  const FakeSystem system;
  system.version_1("/user");
  const KernelWallSearch search = find_kernel_wall(system.places());
  ASSERT_TRUE(search.found) << search.why_not;
  const std::string group = made_in(system, "sys/fs/cgroup/memory/user");
  system.write(group + "/memory.memsw.limit_in_bytes", "");
  EXPECT_EQ(search.found->set_limit(Bytes(1 << 26)), "");
  EXPECT_EQ(system.read(group + "/memory.memsw.limit_in_bytes"), "67108864");
}

TEST(KernelWall, IsAGroupBesideOursInADelegatedSubtreeOfVersion2) {
  const FakeSystem system;
  system.version_2();
  const KernelWallSearch search = find_kernel_wall(system.places());
  ASSERT_TRUE(search.found) << search.why_not;
  const std::string group = made_in(system, "sys/fs/cgroup/team");
  EXPECT_EQ(system.read(group + "/memory.max"), "max");
  system.write(group + "/memory.swap.max", "max");
  EXPECT_EQ(search.found->set_limit(Bytes(1 << 26)), "");
  EXPECT_EQ(system.read(group + "/memory.max"), "67108864");
  EXPECT_EQ(system.read(group + "/memory.swap.max"), "0");
}

TEST(KernelWall, TellsKillsAndPeak) {
  const FakeSystem system;
  system.version_2();
  const KernelWallSearch search = find_kernel_wall(system.places());
  ASSERT_TRUE(search.found) << search.why_not;
  EXPECT_FALSE(search.found->count().kills);
  const std::string group = made_in(system, "sys/fs/cgroup/team");
  system.write(group + "/memory.events", "low 0\nhigh 0\nmax 9\noom 2\noom_kill 1\n");
  system.write(group + "/memory.peak", "4096\n");
  EXPECT_EQ(search.found->count().kills, 2U);
  EXPECT_EQ(search.found->count().peak, Bytes(4096));
}

TEST(KernelWall, DoesNotLeaveALimitOfOurOwnGroup) {
  const FakeSystem system;
  system.version_2();
  system.write("sys/fs/cgroup/team/main/memory.max", "1073741824\n");
  const KernelWallSearch search = find_kernel_wall(system.places());
  EXPECT_FALSE(search.found);
  EXPECT_NE(search.why_not.find("its limit would not count"), std::string::npos) << search.why_not;
}

TEST(KernelWall, KeepsOutOfWhatSystemdDidNotDelegateAndAsksForAScope) {
  const FakeSystem system;
  system.version_2();
  system.systemd();
  system.scopes("echo 1099511627776");
  const KernelWallSearch search = find_kernel_wall(system.places());
  ASSERT_TRUE(search.found) << search.why_not;
  EXPECT_EQ(made_in(system, "sys/fs/cgroup/team"), "nothing");
  EXPECT_NE(search.why_not.find("team is systemd's"), std::string::npos) << search.why_not;
  EXPECT_EQ(search.found->set_limit(Bytes(1 << 26)), "");
  const WorkerCommand inside = search.found->inside({"program", {"a", "b"}, {}});
  EXPECT_EQ(inside.program, system.path("systemd-run"));
  EXPECT_TRUE(inside.group.empty());
  ASSERT_GE(inside.args.size(), 4U);
  EXPECT_EQ(std::count(inside.args.begin(), inside.args.end(), "--property=MemoryMax=67108864"), 1);
  EXPECT_EQ(std::count(inside.args.begin(), inside.args.end(), "--property=MemorySwapMax=0"), 1);
  EXPECT_EQ(std::vector<std::string>(inside.args.end() - 4, inside.args.end()),
            (std::vector<std::string>{"--", "program", "a", "b"}));
  EXPECT_EQ(search.found->set_limit(Bytes(1 << 27)), "");
  EXPECT_NE(system.read("properties").find("set-property --runtime headroom-"), std::string::npos);
  EXPECT_NE(system.read("properties").find("MemoryMax=134217728"), std::string::npos);
}

TEST(KernelWall, BelievesInAScopesLimitOnlyWhenTheKernelHasIt) {
  const FakeSystem system;
  system.version_2();
  system.systemd();
  system.scopes("echo max");
  const KernelWallSearch limitless = find_kernel_wall(system.places());
  EXPECT_FALSE(limitless.found);
  EXPECT_NE(limitless.why_not.find("no memory limit here ('max')"), std::string::npos)
      << limitless.why_not;
  system.scopes("echo no bus >&2; exit 1");
  const KernelWallSearch refused = find_kernel_wall(system.places());
  EXPECT_NE(refused.why_not.find("systemd makes no scope: no bus"), std::string::npos)
      << refused.why_not;
}

TEST(KernelWall, SaysWhyThereIsNone) {
  const FakeSystem system;
  const KernelWallSearch search = find_kernel_wall(system.places());
  EXPECT_FALSE(search.found);
  EXPECT_EQ(search.why_not, "no cgroup v1 memory controller; no cgroup v2; systemd does not run");
}

TEST(KernelWall, IsNotThereWhereGroupsCannotBeMade) {
  const FakeSystem system;
  system.write("proc/self/mountinfo", kMountVersion1);
  system.write("proc/self/cgroup", "4:memory:/\n");
  fs::create_directories(system.path("sys/fs/cgroup"));
  fs::create_directory_symlink("/proc/self", system.path("sys/fs/cgroup/memory"));
  const KernelWallSearch search = find_kernel_wall(system.places());
  EXPECT_FALSE(search.found);
  EXPECT_NE(search.why_not.find("cannot make"), std::string::npos) << search.why_not;
}

TEST(KernelWall, RemovesTheGroupsOfDeadSupervisorsAlone) {
  const FakeSystem system;
  system.version_1("/user");
  const fs::path parent = system.path("sys/fs/cgroup/memory/user");
  const std::string dead = "headroom-" + std::to_string(dead_pid()) + "-0";
  const std::string alive = "headroom-" + std::to_string(::getppid()) + "-0";
  for (const std::string& name : {dead, alive, std::string("headroom-x"), std::string("other")}) {
    fs::create_directory(parent / name);
  }
  const KernelWallSearch search = find_kernel_wall(system.places());
  EXPECT_FALSE(fs::exists(parent / dead));
  EXPECT_TRUE(fs::exists(parent / alive));
  EXPECT_TRUE(fs::exists(parent / "headroom-x"));
  EXPECT_TRUE(fs::exists(parent / "other"));
}

TEST(Wall, IsTheKernelsElseTheWatchUnlessOneIsAskedFor) {
  using memory::WallMode;
  const FakeSystem with;
  with.version_1("/user");
  const FakeSystem without;
  EXPECT_TRUE(make_wall(WallMode::kAuto, with.places()).kernel);
  EXPECT_FALSE(make_wall(WallMode::kAuto, with.places()).watch);
  const Wall watch = make_wall(WallMode::kAuto, without.places());
  EXPECT_FALSE(watch.kernel);
  EXPECT_TRUE(watch.watch);
  EXPECT_EQ(watch.text,
            "the supervisor's watch (no cgroup v1 memory controller; no cgroup v2; systemd does "
            "not run)");
  EXPECT_TRUE(make_wall(WallMode::kWatch, with.places()).watch);
  EXPECT_FALSE(make_wall(WallMode::kWatch, with.places()).kernel);
  EXPECT_EQ(make_wall(WallMode::kOff, with.places()).text, "");
  EXPECT_THROW(make_wall(WallMode::kKernel, without.places()), UsageError);
}

// ---- with this machine's kernel

/// Skips with the reason where the kernel lets no wall be made.
#define REQUIRE_KERNEL_WALL(search)                                          \
  if (!(search).found) {                                                     \
    GTEST_SKIP() << "no kernel wall is possible here: " << (search).why_not; \
  }

TEST(KernelWall, HoldsAChildFromItsFirstByteAndIsGoneAfterwards) {
  KernelWallSearch search = find_kernel_wall();
  REQUIRE_KERNEL_WALL(search);
  ASSERT_EQ(search.found->set_limit(Bytes(32 << 20)), "");
  SystemClock clock;
  const WorkerCommand command = search.found->inside({"sh", {"-c", "cat /proc/self/cgroup"}, {}});
  {
    ChildProcess child(command);
    ASSERT_TRUE(child.wait_exit(std::chrono::seconds(10), clock));
    std::string groups(1 << 16, ' ');
    groups.resize(static_cast<std::size_t>(
        std::max<ssize_t>(0, ::read(child.output(), groups.data(), groups.size()))));
    EXPECT_NE(groups.find("headroom-" + std::to_string(::getpid())), std::string::npos) << groups;
  }
  const fs::path group = command.group;
  search.found.reset();
  EXPECT_FALSE(fs::exists(group)) << group;
}

TEST(KernelWall, KillsWhoGoesBeyondAndNobodyElse) {
  KernelWallSearch search = find_kernel_wall();
  REQUIRE_KERNEL_WALL(search);
  ASSERT_EQ(search.found->set_limit(Bytes(32 << 20)), "");
  SystemClock clock;
  // `dd` holds one block of its size.
  const auto end_of = [&](const char* block) {
    ChildProcess child(search.found->inside(
        {"dd", {"if=/dev/zero", "of=/dev/null", "count=1", std::string("bs=") + block}, {}}));
    return child.wait_exit(std::chrono::seconds(10), clock).value_or(ExitState());
  };
  EXPECT_EQ(end_of("8M").status, 0);
  EXPECT_LT(search.found->count().peak.value_or(Bytes()), Bytes(20 << 20));
  EXPECT_EQ(end_of("128M").signal, SIGKILL);
  EXPECT_GT(search.found->count().peak.value_or(Bytes(32 << 20)), Bytes(30 << 20));
  ASSERT_EQ(search.found->set_limit(Bytes(256 << 20)), "") << "the limit can be raised";
  EXPECT_EQ(end_of("128M").status, 0);
  ASSERT_EQ(search.found->set_limit(Bytes(32 << 20)), "") << "and lowered";
  EXPECT_EQ(end_of("128M").signal, SIGKILL);
}

TEST(KernelWall, EndsWhoeverIsLeftInside) {
  KernelWallSearch search = find_kernel_wall();
  REQUIRE_KERNEL_WALL(search);
  SystemClock clock;
  const WorkerCommand command = search.found->inside({"sleep", {"1000"}, {}});
  if (command.group.empty()) {
    GTEST_SKIP() << "systemd ends a scope's processes";
  }
  ChildProcess child(command);
  search.found.reset();
  EXPECT_EQ(child.wait_exit(std::chrono::seconds(10), clock).value_or(ExitState()).signal, SIGKILL);
  EXPECT_FALSE(fs::exists(command.group));
}

TEST(ChildProcess, SaysThatAGroupCannotBeEntered) {
  try {
    ChildProcess child({"true", {}, {}, "/nowhere"});
    FAIL() << "started outside its group";
  } catch (const BackendError& error) {
    EXPECT_EQ(error.code(), "E-WORKER-GROUP");
    EXPECT_NE(std::string(error.what()).find("/nowhere/cgroup.procs"), std::string::npos);
  }
}

}  // namespace

}  // namespace headroom::worker
