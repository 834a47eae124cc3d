// A child that does not speak the contract.
#include "worker/logged_process.h"

#include <gtest/gtest.h>
#include <signal.h>

#include "base/errors.h"

namespace headroom::worker {
namespace {

using namespace std::chrono_literals;

class LoggedProcessTest : public ::testing::Test {
 protected:
  std::unique_ptr<LoggedProcess> shell(const std::string& script) {
    return std::make_unique<LoggedProcess>(
        WorkerCommand{"/bin/sh", {"-c", script}, {}}, "shell", clock_, log_);
  }

  SystemClock clock_;
  NullLog log_;
};

TEST_F(LoggedProcessTest, WhatItSaysIsKeptFromBothEnds) {
  const auto process = shell("echo out; echo err >&2");
  const std::string said = process->wait_output(20s, 1000);
  EXPECT_NE(said.find("out\n"), std::string::npos) << said;
  EXPECT_NE(said.find("err\n"), std::string::npos) << said;
  EXPECT_EQ(process->end(0s).exit.status, 0);
}

TEST_F(LoggedProcessTest, ItNeverWaitsForAReader) {
  const auto process = shell(
      "i=0; while [ $i -lt 4000 ]; do echo 0123456789012345678901234567890123456789012345;"
      " i=$((i+1)); done; echo last; exit 7");
  const WorkerEnd end = process->end(60s);
  EXPECT_EQ(end.exit.status, 7);
  EXPECT_NE(end.last_log.find("last"), std::string::npos) << end.last_log;
  EXPECT_LE(process->wait_output(0s, 100).size(), 100U);
}

TEST_F(LoggedProcessTest, AStrikeIsToldWithItsReason) {
  const auto process = shell("echo ready; exec sleep 600");
  EXPECT_TRUE(process->alive());
  process->strike("too large");
  const WorkerEnd end = process->end(20s);
  EXPECT_EQ(end.exit.signal, SIGKILL);
  EXPECT_EQ(end.struck, "too large");
  EXPECT_FALSE(process->alive());
}

TEST_F(LoggedProcessTest, OneThatStaysIsKilledWhenItsTimeIsOver) {
  const auto process = shell("exec sleep 600");
  const WorkerEnd end = process->end(1ms);
  EXPECT_EQ(end.cause, WorkerEnd::Cause::kHung);
  EXPECT_EQ(end.exit.signal, SIGKILL);
}

TEST_F(LoggedProcessTest, IsAskedToEndBeforeItIsKilled) {
  EXPECT_EQ(shell("exec sleep 600")->finish(20s).signal, SIGTERM);
  EXPECT_EQ(shell("exec cat")->finish(20s).signal.value_or(SIGTERM), SIGTERM);
  const auto deaf = shell("trap '' TERM; echo ready; while :; do sleep 1; done");
  while (deaf->last_log().empty() && deaf->alive()) {
  }
  EXPECT_EQ(deaf->finish(1ms).signal, SIGKILL);
}

TEST_F(LoggedProcessTest, AGrandchildThatHoldsItsPipesIsNotWaitedFor) {
  const auto process = shell("(sleep 600 &) ; exit 3");
  EXPECT_EQ(process->end(20s).exit.status, 3);
}

TEST_F(LoggedProcessTest, AProgramThatIsNotThereIsNamed) {
  EXPECT_THROW(LoggedProcess(WorkerCommand{"/no/such", {}, {}}, "none", clock_, log_),
               BackendError);
}

}  // namespace
}  // namespace headroom::worker
