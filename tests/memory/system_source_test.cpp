#include "memory/system_source.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "support/fake_clock.h"
#include "support/temporary_folder.h"
#include "table_test.h"

namespace headroom::memory {
namespace {

std::filesystem::path tree(const std::string& name) {
  return std::filesystem::path(HEADROOM_TEST_DATA) / "memory" / "trees" / name;
}

class CgroupTable : public ::testing::TestWithParam<Json> {};

TEST_P(CgroupTable, ReadsTheTightestGroup) {
  const Json& row = GetParam();
  const std::filesystem::path root = tree(row.at("tree").get<std::string>());
  const auto group = read_cgroup_memory(root);
  if (row.at("version").is_null()) {
    EXPECT_FALSE(group.has_value());
    return;
  }
  ASSERT_TRUE(group.has_value());
  EXPECT_EQ(group->version, row.at("version").get<int>());
  EXPECT_EQ(group->folder, root / row.at("folder").get<std::string>());
  EXPECT_EQ(group->used.count(), row.at("used").get<std::uint64_t>());
  EXPECT_EQ(group->oom_kills, row.at("oom_kills").get<std::uint64_t>());
  if (row.at("limit").is_null()) {
    EXPECT_FALSE(group->limit.has_value());
  } else {
    EXPECT_EQ(group->limit, Bytes(row.at("limit").get<std::uint64_t>()));
  }
}

INSTANTIATE_TEST_SUITE_P(Trees,
                         CgroupTable,
                         ::testing::ValuesIn(test::memory_table("cgroups.jsonl")),
                         test::row_name);

TEST(ProcessMemory, FootprintIsResidentAndSwapped) {
  const auto worker = ProcessMemory(tree("processes")).footprint(101);
  ASSERT_TRUE(worker.has_value());
  EXPECT_EQ(worker->now, 310_MiB);
  EXPECT_EQ(worker->peak, 400_MiB);
  EXPECT_EQ(worker->anonymous, 200_MiB);
  EXPECT_EQ(worker->file, 99_MiB);
  EXPECT_EQ(worker->shared, 1_MiB);
  EXPECT_EQ(worker->swapped, 10_MiB);
}

TEST(ProcessMemory, ExactFootprintComesFromThePageTables) {
  const auto worker = ProcessMemory(tree("processes")).exact_footprint(101);
  ASSERT_TRUE(worker.has_value());
  EXPECT_EQ(worker->now, Bytes(317'540ULL * 1024));
  EXPECT_FALSE(worker->peak.has_value());
}

TEST(ProcessMemory, OldKernelsWithoutDetailsStillGiveAFootprint) {
  const auto old = ProcessMemory(tree("processes")).footprint(103);
  ASSERT_TRUE(old.has_value());
  EXPECT_EQ(old->now, 1_MiB);
  EXPECT_FALSE(old->peak.has_value());
}

TEST(ProcessMemory, ZombiesGarbageAndTheGoneHaveNone) {
  const ProcessMemory memory(tree("processes"));
  EXPECT_FALSE(memory.footprint(102).has_value());
  EXPECT_FALSE(memory.footprint(104).has_value());
  EXPECT_FALSE(memory.footprint(999).has_value());
  EXPECT_FALSE(memory.exact_footprint(999).has_value());
}

TEST(ProcessMemory, SumIsOverTheLiving) {
  const ProcessMemory memory(tree("processes"));
  EXPECT_EQ(memory.sum(std::vector<pid_t>{100, 101, 102, 999}), 326_MiB);
  EXPECT_FALSE(memory.sum(std::vector<pid_t>{102, 999}).has_value());
}

TEST(ProcessMemory, DescendantsOfAllThreadsAndGenerations) {
  const ProcessMemory memory(tree("processes"));
  std::vector<pid_t> pids = memory.descendants(100);
  std::sort(pids.begin(), pids.end());
  EXPECT_EQ(pids, (std::vector<pid_t>{101, 102, 103, 104}));
  EXPECT_TRUE(memory.descendants(999).empty());
}

TEST(SystemMemorySource, AMissingProcLeavesEverySensorEmpty) {
  const testing::FakeClock clock;
  SystemMemorySource source(clock, tree("absent"));
  Reading reading = source.read();
  EXPECT_EQ(reading.time, clock.wall());
  reading.time = {};
  EXPECT_EQ(dump_json(to_json(reading)), "{}");
}

TEST(SystemMemorySource, SumsTheWatchedWorkersAndTheirPeaks) {
  const testing::FakeClock clock;
  SystemMemorySource source(clock, tree("processes"));
  source.watch({101, 103});
  const Reading reading = source.read();
  EXPECT_EQ(reading.worker_footprint, 311_MiB);
  EXPECT_EQ(reading.worker_footprint_peak, 401_MiB);  // a process without a mark counts as it is
  EXPECT_EQ(reading.system_available, Bytes(24'227'708ULL * 1024));
}

/// A child that holds `bytes` touched pages until its pipe is closed.
class HoldingChild {
 public:
  explicit HoldingChild(Bytes bytes) {
    int ready[2];
    EXPECT_EQ(::pipe(ready), 0);
    EXPECT_EQ(::pipe(hold_), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(hold_[1]);
      void* memory = std::malloc(bytes.count());
      std::memset(memory, 1, bytes.count());
      char byte = static_cast<char*>(memory)[bytes.count() / 2];
      ::_exit(::write(ready[1], &byte, 1) == 1 && ::read(hold_[0], &byte, 1) == 0 ? 0 : 1);
    }
    ::close(hold_[0]);
    ::close(ready[1]);
    char byte = 0;
    EXPECT_EQ(::read(ready[0], &byte, 1), 1);
    ::close(ready[0]);
  }

  ~HoldingChild() {
    ::close(hold_[1]);
    ::waitpid(pid_, nullptr, 0);
  }

  HoldingChild(const HoldingChild&) = delete;
  HoldingChild& operator=(const HoldingChild&) = delete;

  pid_t pid() const { return pid_; }

 private:
  int hold_[2] = {-1, -1};
  pid_t pid_ = -1;
};

TEST(SystemMemorySource, SeesARealChildWithoutBeingTold) {
  testing::FakeClock clock;
  SystemMemorySource source(clock);
  const Reading alone = source.read();
  EXPECT_FALSE(alone.worker_footprint.has_value());
  ASSERT_TRUE(alone.supervisor_footprint.has_value());
  ASSERT_TRUE(alone.system_available.has_value());
  const HoldingChild child(64_MiB);
  clock.advance(SystemMemorySource::kSlowSensors);
  const Reading with = source.read();
  ASSERT_TRUE(with.worker_footprint.has_value());
  EXPECT_GE(*with.worker_footprint, 64_MiB);
  EXPECT_LE(*with.worker_footprint, 64_MiB + *alone.supervisor_footprint + 8_MiB);
}

TEST(SystemMemorySource, AChildThatHasJustComeIsSeenAtOnce) {
  const testing::FakeClock clock;  // time stands still
  SystemMemorySource source(clock);
  EXPECT_FALSE(source.read().worker_footprint.has_value());
  const HoldingChild child(16_MiB);
  EXPECT_GE(source.read().worker_footprint.value_or(Bytes()), 16_MiB);
  const HoldingChild second(32_MiB);
  EXPECT_GE(source.read().worker_footprint.value_or(Bytes()), 48_MiB);
}

TEST(SystemMemorySource, RenewedItSeesProcessesThatOnlyAChildKnows) {
  const test::TemporaryFolder root;
  const std::filesystem::path own = root / "proc" / std::to_string(::getpid()) / "task" / "1";
  const auto process = [&](const std::string& pid, const std::string& children) {
    std::filesystem::create_directories(root / "proc" / pid / "task" / pid);
    std::ofstream(root / "proc" / pid / "status") << "VmRSS:\t2048 kB\n";
    std::ofstream(root / "proc" / pid / "task" / pid / "children") << children;
  };
  std::filesystem::create_directories(own);
  std::ofstream(own / "children") << "70001 ";
  process("70001", "");
  const testing::FakeClock clock;
  SystemMemorySource source(clock, root.path());
  EXPECT_EQ(source.read().worker_footprint, 2_MiB);
  process("70001", "70002 ");
  process("70002", "");
  EXPECT_EQ(source.read().worker_footprint, 2_MiB) << "the list may be as old as kSlowSensors";
  source.renew();
  EXPECT_EQ(source.read().worker_footprint, 4_MiB);
}

TEST(SystemMemorySource, AWorkerThatIsGoneIsReplacedAtOnce) {
  const testing::FakeClock clock;  // time stands still: only the missing process renews the list
  SystemMemorySource source(clock);
  {
    const HoldingChild first(4_MiB);
    EXPECT_TRUE(source.read().worker_footprint.has_value());
  }
  const HoldingChild second(4_MiB);
  EXPECT_TRUE(source.read().worker_footprint.has_value());
}

TEST(ProcessMemory, RealFiguresAgreeAndThePeakCanBeReset) {
  const HoldingChild child(32_MiB);
  const ProcessMemory memory;
  const auto quick = memory.footprint(child.pid());
  const auto exact = memory.exact_footprint(child.pid());
  ASSERT_TRUE(quick && exact);
  const auto off = signed_difference(quick->now, exact->now);
  EXPECT_LT(std::abs(off), static_cast<std::int64_t>((2_MiB).count()));
  // An own spike, given back, shows in the peak until that is reset.
  const pid_t self = ::getpid();
  {
    std::vector<char> spike(48U << 20U, 1);
    ASSERT_EQ(spike[spike.size() / 2], 1);
  }
  const auto after = memory.footprint(self);
  ASSERT_TRUE(after && after->peak);
  EXPECT_GE(*after->peak, after->now + 40_MiB);
  if (!memory.reset_peak(self)) {
    GTEST_SKIP() << "this system does not reset peaks";
  }
  const auto reset = memory.footprint(self);
  EXPECT_LT(*reset->peak, reset->now + 8_MiB);
}

}  // namespace
}  // namespace headroom::memory
