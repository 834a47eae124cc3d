#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "base/errors.h"
#include "run/folder.h"
#include "run/results.h"
#include "run_world.h"

namespace headroom::run {
namespace {

using test::dataset_of;
using test::items_of;
using test::RunWorld;

/// A process that holds a journal until it is killed.
class Holder {
 public:
  explicit Holder(const std::filesystem::path& folder) {
    int ready[2];
    if (::pipe(ready) != 0) {
      throw std::runtime_error("no pipe");
    }
    pid_ = ::fork();
    if (pid_ == 0) {
      const testing::FakeClock clock;
      const Journal journal = Journal::open(folder, clock);
      [[maybe_unused]] const ssize_t put = ::write(ready[1], "x", 1);
      for (;;) {
        ::pause();
      }
    }
    ::close(ready[1]);
    char byte = 0;
    [[maybe_unused]] const ssize_t got = ::read(ready[0], &byte, 1);
    ::close(ready[0]);
  }

  ~Holder() { kill(); }

  void kill() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
      pid_ = 0;
    }
  }

  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = 0;
};

TEST(RunLock, SecondWriterIsRefusedNamingFolderAndProcess) {
  RunWorld world;
  world.begin(dataset_of(items_of(1, 1)));
  const Holder holder(world.folder.path());
  EXPECT_TRUE(is_being_written(world.folder.path()));
  try {
    Journal::open(world.folder.path(), world.clock);
    FAIL() << "opened twice";
  } catch (const UsageError& error) {
    EXPECT_EQ(error.code(), "E-RUN-LOCKED");
    const std::string text = error.what();
    EXPECT_NE(text.find(world.folder.path().string()), std::string::npos) << text;
    EXPECT_NE(text.find("process " + std::to_string(holder.pid())), std::string::npos) << text;
  }
}

TEST(RunLock, OfAKilledProcessIsNotInTheWay) {
  RunWorld world;
  world.begin(dataset_of(items_of(1, 1)));
  Holder holder(world.folder.path());
  holder.kill();
  EXPECT_FALSE(is_being_written(world.folder.path()));
  EXPECT_NO_THROW(Journal::open(world.folder.path(), world.clock));
}

/// As left behind by a process in another container that was killed.
TEST(RunLock, OfAKilledProcessOnAnotherMachineIsNotInTheWay) {
  RunWorld world;
  world.begin(dataset_of(items_of(1, 1)));
  std::ofstream(world.folder / "run.lock") << R"({"pid": 1, "start": 77, "host": "elsewhere"})";
  EXPECT_FALSE(is_being_written(world.folder.path()));
  EXPECT_EQ(results_of(JournalReader::open(world.folder.path())).run.state, RunState::kInterrupted);
}

TEST(RunLock, AWriterIsSeenWhereverItSaysThatItIs) {
  RunWorld world;
  const Journal journal = world.begin(dataset_of(items_of(1, 1)));
  std::ofstream(world.folder / "run.lock") << R"({"pid": 1, "start": 77, "host": "elsewhere"})";
  EXPECT_TRUE(is_being_written(world.folder.path()));
  EXPECT_EQ(results_of(journal).run.state, RunState::kRunning);
}

TEST(RunLock, ReadersReadWhileAnotherProcessWrites) {
  RunWorld world;
  world.begin(dataset_of(items_of(2, 3)));
  const Holder holder(world.folder.path());
  const JournalReader reader = JournalReader::open(world.folder.path());
  EXPECT_EQ(reader.item_count(), 6U);
}

TEST(RunLock, ASecondJournalInOneFolderIsRefused) {
  RunWorld world;
  world.begin(dataset_of(items_of(1, 1)));
  try {
    Journal::create(world.folder.path(), "zzz", test::spec_of(), world.clock);
    FAIL() << "overwritten";
  } catch (const UsageError& error) {
    EXPECT_EQ(error.code(), "E-RUN-EXISTS");
  }
}

}  // namespace
}  // namespace headroom::run
