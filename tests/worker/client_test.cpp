#include "worker/client.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "base/errors.h"
#include "support/worker_fixture.h"

namespace headroom::worker {

namespace {

using testing::TemporaryFolder;
using namespace std::chrono_literals;

class Client : public ::testing::Test {
 protected:
  WorkerEnd end_of(const WorkerCommand& command, const CallLimits& limits = {.total = 5s}) {
    WorkerClient client(command, clock_, log_);
    try {
      client.call("hello", Json::object(), limits);
    } catch (const WorkerLost& lost) {
      return lost.end();
    }
    ADD_FAILURE() << "answered";
    return {};
  }

  static WorkerCommand shell(const std::string& script) { return {"sh", {"-c", script}, {}}; }

  SystemClock clock_;
  NullLog log_;
};

TEST_F(Client, TellsHowTheWorkerEndedWithItsLastWords) {
  const WorkerEnd exit = end_of(shell("echo one >&2; printf two >&2; exit 3"));
  EXPECT_EQ(exit.cause, WorkerEnd::Cause::kDied);
  EXPECT_EQ(exit.exit.status, 3);
  EXPECT_EQ(exit.last_log, "one | two");
  EXPECT_TRUE(exit.exit.peak_rss.has_value());
  const WorkerEnd killed = end_of(shell("kill -TERM $$"));
  EXPECT_EQ(killed.exit.signal, SIGTERM);
  EXPECT_EQ(to_string(killed.exit), "signal 15 (SIGTERM)");
}

TEST_F(Client, KeepsTheLastWordsOfALongLogPrintable) {
  const WorkerEnd end =
      end_of(shell("i=0; while [ $i -lt 2000 ]; do echo \"line $i\" >&2; i=$((i+1)); done; "
                   "printf 'bell \\007 \\377\\n' >&2; exit 1"));
  EXPECT_TRUE(end.last_log.ends_with("line 1999 | bell ? ?")) << end.last_log;
  EXPECT_LT(end.last_log.size(), 5000U);
}

TEST_F(Client, KillsAWorkerThatDoesNotAnswerInTime) {
  const WorkerEnd end = end_of(shell("exec sleep 60"), {.total = 100ms});
  EXPECT_EQ(end.cause, WorkerEnd::Cause::kHung);
  EXPECT_EQ(end.reason, "hello: no result within 0.1 s");
  EXPECT_EQ(end.exit.signal, SIGKILL);
}

TEST_F(Client, KillsAWorkerThatWritesGarbage) {
  const WorkerEnd end = end_of(shell("echo Loading model...; exec sleep 60"));
  EXPECT_EQ(end.cause, WorkerEnd::Cause::kProtocol);
  EXPECT_NE(end.reason.find("Loading model..."), std::string::npos) << end.reason;
}

TEST_F(Client, IsNotEndedByAWorkerThatDoesNotReadALongRequest) {
  WorkerClient client(shell("exec sleep 60"), clock_, log_);
  const Json params = {{"text", std::string(1 << 20, 'x')}};
  EXPECT_THROW(client.call("hello", params, {.total = 100ms}), WorkerLost);
}

TEST_F(Client, IsNotEndedByTheSignalOfAClosedPipe) {
  WorkerClient client(shell("exec <&-; sleep 0.2; exit 5"), clock_, log_);
  const Json params = {{"text", std::string(1 << 20, 'x')}};
  try {
    client.call("hello", params, {.total = 5s});
    FAIL() << "answered";
  } catch (const WorkerLost& lost) {
    EXPECT_EQ(lost.end().exit.status, 5);
  }
}

TEST_F(Client, PassesEnvironmentAndArguments) {
  const WorkerEnd end = end_of({"sh",
                                {"-c", "echo \"$WORKER_TEST $1\" >&2; exit 1", "sh", "a b"},
                                {{"WORKER_TEST", "set"}}});
  EXPECT_EQ(end.last_log, "set a b");
}

TEST_F(Client, NamesAProgramThatIsNotInThePath) {
  try {
    WorkerClient client({"no-such-worker-program", {}, {}}, clock_, log_);
    FAIL() << "started";
  } catch (const BackendError& error) {
    EXPECT_STREQ(error.what(),
                 "cannot start worker no-such-worker-program: no such program in PATH");
  }
}

TEST_F(Client, TheWorkerEndsWithItsSupervisorHoweverThatEnds) {
  const TemporaryFolder folder;
  const std::string file = (folder.path() / "pid").string();
  const pid_t supervisor = ::fork();
  if (supervisor == 0) {
    // A worker that ignores the end of its input.
    const ChildProcess worker(
        {"sh",
         {"-c", "echo $$ > " + file + ".new; mv " + file + ".new " + file + "; exec sleep 60"},
         {}});
    while (!std::filesystem::exists(file)) {
      ::usleep(1000);
    }
    ::raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(supervisor, &status, 0), supervisor);
  pid_t worker = 0;
  std::ifstream(file) >> worker;
  ASSERT_GT(worker, 0);
#ifdef __linux__
  const TimePoint limit = clock_.now() + 5s;
  while (::kill(worker, 0) == 0 && clock_.now() < limit) {
    std::ifstream stat("/proc/" + std::to_string(worker) + "/stat");
    std::string text((std::istreambuf_iterator<char>(stat)), {});
    if (text.find(") Z ") != std::string::npos) {
      return;  // dead, and nobody here to reap it
    }
    clock_.sleep(1ms);
  }
  EXPECT_NE(::kill(worker, 0), 0);
#else
  ::kill(worker, SIGKILL);
#endif
}

TEST_F(Client, FinishesAWorkerByTheEndOfItsInput) {
  WorkerClient client({"cat", {}, {}}, clock_, log_);
  const std::optional<ExitState> state = client.finish(5s);
  ASSERT_TRUE(state);
  EXPECT_EQ(state->status, 0);
}

TEST_F(Client, KillsAWorkerThatStaysAfterTheEndOfItsInput) {
  WorkerClient client(shell("exec sleep 60"), clock_, log_);
  EXPECT_FALSE(client.finish(50ms));
  EXPECT_FALSE(client.alive());
}

}  // namespace

}  // namespace headroom::worker
