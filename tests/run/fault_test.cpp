#include <gtest/gtest.h>
#include <sqlite3.h>

#include "base/errors.h"
#include "run_world.h"
#include "support/failing_vfs.h"

namespace headroom::run {
namespace {

using test::answers_in;
using test::dataset_of;
using test::FailingVfs;
using test::FakeBackend;
using test::items_of;
using test::RunWorld;

struct Fault {
  int code;
  const char* expected;
};

constexpr Fault kFaults[] = {
    {SQLITE_FULL, "E-DISK-FULL"}, {SQLITE_IOERR_WRITE, "E-WRITE"}, {SQLITE_IOERR_FSYNC, "E-WRITE"}};
constexpr int kMostCalls = 2000;

datasets::Dataset data() { return dataset_of(items_of(5, 2)); }

std::vector<std::string> undisturbed() {
  RunWorld world;
  Journal journal = world.begin(data());
  FakeBackend backend;
  world.ask(journal, backend);
  return answers_in(journal);
}

/// Ids whose group was committed as far as the asker knows: all that were asked before the group in
/// which the error came up.
std::size_t surely_durable(const FakeBackend& backend) {
  std::size_t count = 0;
  for (std::size_t i = 0; i + 1 < backend.groups.size(); ++i) {
    count += backend.groups[i].size();
  }
  return count;
}

/// One run with a fault at the n-th writing call: true when it came to the end untouched.
bool run_with_fault(int n,
                    const Fault& fault,
                    bool forever,
                    const std::vector<std::string>& expected) {
  SCOPED_TRACE(std::string(fault.expected) + " at call " + std::to_string(n) +
               (forever ? ", from then on" : ", once"));
  FailingVfs vfs;
  RunWorld world;
  const datasets::Dataset dataset = data();
  std::size_t durable = 0;
  bool untouched = false;
  {
    Journal journal = world.begin(dataset);
    FakeBackend backend;
    vfs.fail_at(n, fault.code, forever);
    try {
      world.ask(journal, backend);
      untouched = vfs.failed() == 0;
    } catch (const ResourceError& error) {
      EXPECT_EQ(error.code(), fault.expected) << error.what();
    }
    durable = surely_durable(backend);
    // The end of a process: the connection is closed while the disk is still bad.
  }
  vfs.heal();
  Journal journal = Journal::open(world.folder.path(), world.clock);
  EXPECT_EQ(journal.integrity(), "ok");
  EXPECT_GE(journal.count_answers(0), durable);
  resume_data(journal, dataset, false);
  FakeBackend backend;
  world.ask(journal, backend);
  EXPECT_EQ(answers_in(journal), expected);
  return untouched;
}

void raise_until_untouched(bool forever) {
  const std::vector<std::string> expected = undisturbed();
  for (const Fault& fault : kFaults) {
    int n = 1;
    while (n < kMostCalls && !run_with_fault(n, fault, forever, expected) &&
           !::testing::Test::HasFailure()) {
      ++n;
    }
    EXPECT_GT(n, 20) << "faults were met";
    EXPECT_LT(n, kMostCalls);
  }
}

TEST(Faults, OfOneWriteLoseNothing) { raise_until_untouched(false); }

TEST(Faults, OfAllWritesFromSomeOneOnLoseNothing) { raise_until_untouched(true); }

TEST(Faults, EachCommitIsSyncedOnceBeforeItReturns) {
  const FailingVfs vfs;
  RunWorld world;
  Journal journal = world.begin(data());
  for (std::uint32_t group = 0; group < 5; ++group) {
    const int before = vfs.syncs();
    GroupCommit commit;
    commit.group = group;
    for (const ItemRecord& item : journal.open_items(0, group)) {
      commit.answers.push_back({.seq = item.seq});
    }
    journal.commit(commit);
    EXPECT_EQ(vfs.syncs(), before + 1);
  }
}

TEST(Faults, WhileARunIsBegunLeaveATypedError) {
  for (int n = 1; n < kMostCalls; ++n) {
    FailingVfs vfs;
    RunWorld world;
    vfs.fail_at(n, SQLITE_FULL, true);
    try {
      const Journal journal = world.begin(data());
      if (vfs.failed() == 0) {
        EXPECT_GT(n, 5) << "faults were met";
        return;
      }
      ADD_FAILURE() << "call " << n << " failed and nobody said so";
    } catch (const ResourceError& error) {
      EXPECT_EQ(error.code(), "E-DISK-FULL") << n << ": " << error.what();
    }
  }
  FAIL() << "never came through";
}

}  // namespace
}  // namespace headroom::run
