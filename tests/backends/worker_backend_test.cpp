#include "backends/worker_backend.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <map>
#include <thread>

#include "base/errors.h"
#include "support/worker_fixture.h"

namespace headroom::backends {

namespace {

using testing::group_of;
using testing::journal_of;
using testing::scripted_command;
using testing::TemporaryFolder;
using worker::Answer;
using worker::AskDone;
using worker::AskRequest;
using namespace std::chrono_literals;

WorkerOptions quick_options() {
  WorkerOptions options;
  options.restart_pause = 1ms;
  options.cancel_grace = 200ms;
  options.deadline_slack = 100ms;
  options.end_grace = 2s;
  return options;
}

/// A backend on a scripted worker, with everything that it told.
struct Rig {
  explicit Rig(const std::vector<Json>& script = {}, WorkerOptions options = quick_options())
      : backend(scripted_command(Json(script), state), options, clock, log) {
    backend.on_death = [this](const Death& death) { deaths.push_back(death); };
  }

  void load() { backend.load({.model = state.path().string()}); }

  AskDone ask(const AskRequest& request) {
    return backend.ask(request, [this](Answer&& answer) {
      ++given[answer.id];
      answers[answer.id] = std::move(answer);
    });
  }

  void expect_all_answered_once(int items) {
    for (int i = 1; i <= items; ++i) {
      const std::string id = "q" + std::to_string(i);
      EXPECT_EQ(given[id], 1) << id;
      EXPECT_EQ(answers[id].outcome, Outcome::kAnswered) << id << ": " << answers[id].error;
      EXPECT_EQ(answers[id].text, "What is " + id + "?");
    }
  }

  TemporaryFolder state;
  SystemClock clock;
  NullLog log;
  WorkerBackend backend;
  std::vector<Death> deaths;
  std::map<std::string, int> given;
  std::map<std::string, Answer> answers;
};

Json rule(const char* at, const char* item, const char* action, Json more = Json::object()) {
  more["at"] = at;
  more["item"] = item;
  more["do"] = action;
  return more;
}

template <typename... Rules>
std::vector<Json> rules(Rules... each) {
  std::vector<Json> list;
  (list.push_back(std::move(each)), ...);
  return list;
}

TEST(WorkerBackend, AnswersAGroupThroughAChild) {
  Rig rig;
  rig.load();
  const AskDone done = rig.ask(group_of("g", 5));
  rig.expect_all_answered_once(5);
  EXPECT_EQ(done.answered, 5U);
  EXPECT_EQ(done.failed, 0U);
  EXPECT_EQ(rig.backend.restarts(), 0);
  EXPECT_EQ(rig.backend.hello().engine, "scripted");
}

TEST(WorkerBackend, GoesOnFromTheFirstUnansweredItemAfterADeath) {
  Rig rig(rules(rule("after", "q2", "signal", {{"signal", SIGKILL}, {"times", 1}})));
  rig.load();
  rig.ask(group_of("g", 4));
  rig.expect_all_answered_once(4);
  const std::vector<std::string> expected = {
      "load 1", "ask 1 g batch 0: q1 q2 q3 q4", "load 2", "ask 2 g batch 1: q3 q4"};
  EXPECT_EQ(journal_of(rig.state), expected);
  ASSERT_EQ(rig.deaths.size(), 1U);
  EXPECT_EQ(rig.deaths[0].detail, SIGKILL);
}

TEST(WorkerBackend, NamesWhatADeathReducedBesideWhatTheWorkerDid) {
  Rig rig(rules(rule("after", "q1", "signal", {{"signal", SIGKILL}, {"times", 1}})));
  rig.load();
  AskRequest request = group_of("g", 2);
  request.limits.kv_bits = 8;
  rig.ask(request);
  EXPECT_EQ(rig.answers.at("q1").rung, "KV cache of 8 bits");
  EXPECT_EQ(rig.answers.at("q2").rung, "KV cache of 8 bits, one by one after a worker's death");
}

TEST(WorkerBackend, AnswersEverythingOnceWhenKilledTenTimesInOneRun) {
  std::vector<Json> script;
  for (int life = 1; life <= 10; ++life) {
    script.push_back(rule(life % 2 == 0 ? "before" : "after",
                          "",
                          "signal",
                          {{"signal", SIGKILL}, {"life", life}, {"times", 3}, {"skip", 2}}));
  }
  Rig rig(script);
  rig.load();
  for (int group = 0; group < 10; ++group) {
    AskRequest request = group_of("g" + std::to_string(group), 6);
    for (worker::AskItem& item : request.items) {
      item.id += "-" + request.group;
    }
    rig.ask(request);
  }
  EXPECT_EQ(rig.backend.restarts(), 10);
  EXPECT_EQ(rig.given.size(), 60U);
  for (const auto& [id, count] : rig.given) {
    EXPECT_EQ(count, 1) << id;
    EXPECT_EQ(rig.answers[id].outcome, Outcome::kAnswered) << id;
  }
}

TEST(WorkerBackend, AnswersEverythingOnceWhenAStrangerKillsItAtAnyMoment) {
  Rig rig(rules(rule("before", "", "delay", {{"ms", 2}})));
  rig.load();
  std::thread killer;
  int kills = 0;
  for (int group = 0; group < 10; ++group) {
    AskRequest request = group_of("g" + std::to_string(group), 10);
    for (worker::AskItem& item : request.items) {
      item.id += "-" + request.group;
    }
    const auto pid = static_cast<pid_t>(rig.backend.hello().pid);
    killer = std::thread([pid, group] {
      std::this_thread::sleep_for(std::chrono::milliseconds(1 + 2 * group));
      ::kill(pid, SIGKILL);
    });
    rig.ask(request);
    killer.join();
    ++kills;
  }
  rig.backend.reading();
  EXPECT_EQ(rig.backend.restarts(), kills);
  EXPECT_EQ(rig.given.size(), 100U);
  for (const auto& [id, count] : rig.given) {
    EXPECT_EQ(count, 1) << id;
    EXPECT_EQ(rig.answers[id].outcome, Outcome::kAnswered) << id;
  }
}

TEST(WorkerBackend, GivesUpAnItemThatEndedThreeWorkersAndAnswersTheOthers) {
  Rig rig(rules(rule("before", "q2", "say", {{"text", "about to divide\n"}}),
                rule("before", "q2", "signal", {{"signal", SIGFPE}})));
  rig.load();
  const AskDone done = rig.ask(group_of("g", 4));
  EXPECT_EQ(rig.backend.restarts(), 3);
  EXPECT_EQ(done.answered, 3U);
  EXPECT_EQ(done.failed, 1U);
  const Answer& guilty = rig.answers["q2"];
  EXPECT_EQ(guilty.outcome, Outcome::kModel);
  EXPECT_EQ(guilty.error_code, "E-WORKER-DIED");
  EXPECT_NE(guilty.error.find("ended 3 workers"), std::string::npos) << guilty.error;
  EXPECT_NE(guilty.error.find("SIGFPE"), std::string::npos) << guilty.error;
  EXPECT_NE(guilty.error.find("about to divide"), std::string::npos) << guilty.error;
  EXPECT_NE(guilty.error.find("peak footprint"), std::string::npos) << guilty.error;
  for (const char* id : {"q1", "q3", "q4"}) {
    EXPECT_EQ(rig.given[id], 1) << id;
    EXPECT_EQ(rig.answers[id].outcome, Outcome::kAnswered) << id;
  }
}

TEST(WorkerBackend, FindsEachOfTwoDeadlyItems) {
  Rig rig(rules(rule("before", "q2", "exit", {{"status", 4}}), rule("before", "q5", "abort")));
  rig.load();
  rig.ask(group_of("g", 6));
  EXPECT_EQ(rig.answers["q2"].outcome, Outcome::kModel);
  EXPECT_EQ(rig.answers["q5"].outcome, Outcome::kModel);
  for (const char* id : {"q1", "q3", "q4", "q6"}) {
    EXPECT_EQ(rig.answers[id].outcome, Outcome::kAnswered) << id;
  }
  // The first death blames all; q5 is then blamed once for being first, once alone.
  EXPECT_EQ(rig.backend.restarts(), 5);
}

TEST(WorkerBackend, TellsDeathsApart) {
  struct Case {
    Json rule;
    Death::Kind kind;
    int detail;
  };

  const Case cases[] = {
      {rule("before", "q1", "exit", {{"status", 7}}), Death::Kind::kExit, 7},
      {rule("before", "q1", "signal", {{"signal", SIGSEGV}}), Death::Kind::kSignal, SIGSEGV},
      {rule("before", "q1", "abort"), Death::Kind::kSignal, SIGABRT},
      {rule("before", "q1", "hang"), Death::Kind::kHang, SIGKILL},
      {rule("before", "q1", "garbage"), Death::Kind::kProtocol, SIGKILL},
      {rule("before", "q1", "oversized"), Death::Kind::kProtocol, SIGKILL},
      {rule("before", "q1", "wrong_response"), Death::Kind::kProtocol, SIGKILL},
      {rule("before", "q1", "close_output"), Death::Kind::kProtocol, SIGKILL},
  };
  for (const Case& one : cases) {
    Json once = one.rule;
    once["times"] = 1;
    std::vector<Json> script = {once};
    if (once["do"] == "close_output") {
      script.push_back(rule("after", "q1", "hang", {{"times", 1}}));
    }
    WorkerOptions options = quick_options();
    if (one.kind == Death::Kind::kHang) {
      // Only here: where others wait for an end, a busy machine must not make it a silence.
      options.silence_timeout = 500ms;
    }
    Rig rig(script, options);
    rig.load();
    rig.ask(group_of("g", 2));
    rig.expect_all_answered_once(2);
    ASSERT_EQ(rig.deaths.size(), 1U) << one.rule;
    EXPECT_EQ(to_string(rig.deaths[0].kind), to_string(one.kind)) << rig.deaths[0].evidence;
    EXPECT_EQ(rig.deaths[0].detail, one.detail) << rig.deaths[0].evidence;
  }
}

TEST(WorkerBackend, TakesAnAbortWhoseLastWordsAreOfMemoryForOutOfMemory) {
  Rig rig(
      {rule(
           "before", "q1", "say", {{"text", "terminate called after throwing 'std::bad_alloc'\n"}}),
       rule("before", "q1", "abort")});
  rig.load();
  rig.ask(group_of("g", 1));
  EXPECT_EQ(rig.answers["q1"].outcome, Outcome::kMemory);
  EXPECT_EQ(rig.answers["q1"].error_code, "E-WORKER-OOM");
}

TEST(WorkerBackend, LeavesTheGroupsDeadlineToTheWorkerButEndsOneThatIsDeafToIt) {
  Rig rig(rules(rule("before", "q2", "hang")));
  rig.load();
  AskRequest request = group_of("g", 3);
  request.limits.deadline_seconds = 0.2;
  rig.ask(request);
  EXPECT_EQ(rig.answers["q1"].outcome, Outcome::kAnswered);
  EXPECT_EQ(rig.answers["q2"].outcome, Outcome::kTimeout);
  EXPECT_EQ(rig.answers["q3"].outcome, Outcome::kTimeout);
  ASSERT_EQ(rig.deaths.size(), 1U);
  EXPECT_EQ(rig.deaths[0].kind, Death::Kind::kHang);
}

TEST(WorkerBackend, KeepsAWorkerThatStopsOnCancelAfterTheDeadline) {
  Rig rig(rules(rule("before", "q2", "wait_cancel")));
  rig.load();
  AskRequest request = group_of("g", 3);
  request.limits.deadline_seconds = 0.1;
  rig.ask(request);
  EXPECT_EQ(rig.answers["q3"].outcome, Outcome::kTimeout);
  EXPECT_EQ(rig.answers["q3"].error_code, "E-TIMEOUT");
  EXPECT_EQ(rig.backend.restarts(), 0);
}

TEST(WorkerBackend, SaysThatAWorkerWasSilentWhereItsTimeWasNotOver) {
  WorkerOptions options = quick_options();
  options.silence_timeout = 100ms;
  options.cancel_grace = 10s;
  Rig rig(rules(rule("before", "q2", "skip_on_cancel")), options);
  rig.load();
  AskRequest request = group_of("g", 3);
  request.limits.deadline_seconds = 100;
  rig.ask(request);
  EXPECT_EQ(rig.answers["q1"].outcome, Outcome::kAnswered);
  EXPECT_EQ(rig.answers["q2"].outcome, Outcome::kTimeout);
  EXPECT_NE(rig.answers["q2"].error.find("not a word for 0.1 s"), std::string::npos)
      << rig.answers["q2"].error;
  EXPECT_EQ(rig.answers["q2"].error.find("100.0 s"), std::string::npos);
}

TEST(WorkerBackend, TakesReadingsForSignsOfLifeAndPassesThemOn) {
  WorkerOptions options = quick_options();
  options.silence_timeout = 400ms;
  Rig rig(rules(rule("busy", "q2", "busy", {{"ms", 1200}})), options);
  std::vector<worker::BusyReading> readings;
  rig.backend.on_reading = [&](const worker::BusyReading& busy) { readings.push_back(busy); };
  rig.load();
  rig.ask(group_of("g", 3));
  rig.expect_all_answered_once(3);
  ASSERT_EQ(readings.size(), 120U);
  EXPECT_EQ(readings[0].group, "g");
  EXPECT_EQ(readings[0].phase, "decode");
  EXPECT_EQ(readings[0].reading.active, Bytes(1024));
}

TEST(WorkerBackend, GivesAnItemThatHangsThreeWorkersOutcomeModel) {
  WorkerOptions options = quick_options();
  options.silence_timeout = 100ms;
  options.cancel_grace = 50ms;
  Rig rig(rules(rule("before", "q2", "hang")), options);
  rig.load();
  rig.ask(group_of("g", 3));
  EXPECT_EQ(rig.answers["q1"].outcome, Outcome::kAnswered);
  EXPECT_EQ(rig.answers["q2"].outcome, Outcome::kModel);
  EXPECT_NE(rig.answers["q2"].error.find("not a word for 0.1 s"), std::string::npos)
      << rig.answers["q2"].error;
  EXPECT_EQ(rig.answers["q3"].outcome, Outcome::kAnswered);
}

TEST(WorkerBackend, CancelStopsTheAskAndKeepsTheWorkerAndWhatWasAnswered) {
  Rig rig(rules(rule("before", "q3", "wait_cancel", {{"times", 1}})));
  rig.load();
  std::thread stopper;
  EXPECT_THROW(rig.backend.ask(group_of("g", 4),
                               [&](Answer&& answer) {
                                 ++rig.given[answer.id];
                                 if (answer.id == "q2") {
                                   stopper = std::thread([&] { rig.backend.cancel(); });
                                 }
                               }),
               Cancelled);
  stopper.join();
  EXPECT_GE(rig.given.size(), 2U);
  EXPECT_LT(rig.given.size(), 4U);
  EXPECT_EQ(rig.backend.restarts(), 0);
  rig.given.clear();
  rig.ask(group_of("h", 2));
  rig.expect_all_answered_once(2);
}

TEST(WorkerBackend, DoesNotSettleWhatAWorkerSkippedBecauseOfACancel) {
  Rig rig(rules(rule("before", "q2", "skip_on_cancel")));
  rig.load();
  EXPECT_THROW(rig.backend.ask(group_of("g", 3),
                               [&](Answer&& answer) {
                                 ++rig.given[answer.id];
                                 rig.backend.cancel();
                               }),
               Cancelled);
  EXPECT_EQ(rig.given, (std::map<std::string, int>{{"q1", 1}}));
}

TEST(WorkerBackend, TakesWhatAWorkerSkippedAfterTheDeadlineForOutOfTime) {
  Rig rig(rules(rule("before", "q2", "skip_on_cancel")));
  rig.load();
  AskRequest request = group_of("g", 3);
  request.limits.deadline_seconds = 0.1;
  rig.ask(request);
  EXPECT_EQ(rig.answers["q1"].outcome, Outcome::kAnswered);
  EXPECT_EQ(rig.answers["q2"].outcome, Outcome::kTimeout);
  EXPECT_EQ(rig.answers["q3"].outcome, Outcome::kTimeout);
}

TEST(WorkerBackend, CancelEndsAWorkerThatIsDeafToIt) {
  Rig rig(rules(rule("before", "q2", "hang", {{"times", 1}})));
  rig.load();
  const auto cancel_the_deaf = [&](Answer&&) {
    // It has come to q2 when its rule is counted; before, it would still hear.
    while (!std::filesystem::exists(rig.state.path() / "rule-0")) {
      std::this_thread::sleep_for(1ms);
    }
    rig.backend.cancel();
  };
  EXPECT_THROW(rig.backend.ask(group_of("g", 2), cancel_the_deaf), Cancelled);
  EXPECT_EQ(rig.backend.restarts(), 1);
  rig.ask(group_of("h", 2));
  rig.expect_all_answered_once(2);
}

TEST(WorkerBackend, CancelWithNothingInProgressStopsTheNextAsk) {
  Rig rig;
  rig.load();
  rig.backend.cancel();
  EXPECT_THROW(rig.ask(group_of("g", 2)), Cancelled);
  rig.ask(group_of("g", 2));
  rig.expect_all_answered_once(2);
}

TEST(WorkerBackend, CancelEndsALoadInProgress) {
  Rig rig(rules(rule("load", "", "hang", {{"times", 1}})));
  rig.backend.hello();
  std::thread stopper([&] {
    std::this_thread::sleep_for(50ms);
    rig.backend.cancel();
  });
  EXPECT_THROW(rig.load(), Cancelled);
  stopper.join();
  rig.load();
  rig.ask(group_of("g", 1));
  rig.expect_all_answered_once(1);
}

TEST(WorkerBackend, PassesTheSinksExceptionOnAndStopsTheGroup) {
  Rig rig(rules(rule("before", "q3", "wait_cancel", {{"times", 1}})));
  rig.load();
  int given = 0;
  EXPECT_THROW(rig.backend.ask(group_of("g", 4),
                               [&](Answer&&) {
                                 ++given;
                                 throw ResourceError("E-DISK-FULL", "full");
                               }),
               ResourceError);
  EXPECT_EQ(given, 1);
  EXPECT_EQ(rig.backend.restarts(), 0);
  rig.ask(group_of("h", 2));
  rig.expect_all_answered_once(2);
}

TEST(WorkerBackend, PassesOverAnswersThatNobodyAskedForOrThatComeTwice) {
  Rig rig(rules(rule("before", "q1", "impostor"),
                rule("before", "q1", "impostor", {{"group", "g"}, {"id", "q9"}}),
                rule("before", "q2", "twice"),
                rule("before", "q3", "impostor", {{"group", "g"}, {"id", "q2"}})));
  rig.load();
  const AskDone done = rig.ask(group_of("g", 3));
  rig.expect_all_answered_once(3);
  EXPECT_EQ(rig.given.size(), 3U);
  EXPECT_EQ(done.answered, 3U);
}

TEST(WorkerBackend, FailsAnItemThatTheWorkerPassesOver) {
  Rig rig(rules(rule("before", "q2", "drop")));
  rig.load();
  const AskDone done = rig.ask(group_of("g", 3));
  EXPECT_EQ(rig.answers["q2"].outcome, Outcome::kModel);
  EXPECT_EQ(rig.answers["q2"].error_code, "E-WORKER-SILENT");
  EXPECT_EQ(done.answered, 2U);
  EXPECT_EQ(done.failed, 1U);
}

TEST(WorkerBackend, GivesAnErrorOfTheWholeGroupToEachUnansweredItem) {
  Rig rig(rules(rule("before", "q2", "error", {{"kind", "budget"}, {"code", "E-MEM-GUARD"}})));
  rig.load();
  rig.ask(group_of("g", 3));
  EXPECT_EQ(rig.answers["q1"].outcome, Outcome::kAnswered);
  for (const char* id : {"q2", "q3"}) {
    EXPECT_EQ(rig.answers[id].outcome, Outcome::kMemory);
    EXPECT_EQ(rig.answers[id].error_code, "E-MEM-GUARD");
  }
  EXPECT_EQ(rig.backend.restarts(), 0);
}

TEST(WorkerBackend, PicturesThatNoMessageHoldsEndTheirGroupAndNoWorker) {
  Rig rig;
  rig.load();
  AskRequest large = group_of("g", 2);
  large.pictures = {{"", std::string(std::size_t{49} << 20U, 'x'), "large"}};  // in base64: 65 MiB
  rig.backend.prepare(large);
  rig.ask(large);
  for (const char* id : {"q1", "q2"}) {
    EXPECT_EQ(rig.answers[id].outcome, Outcome::kImage);
    EXPECT_EQ(rig.answers[id].error_code, "E-IMG-TOO-LARGE");
  }
  rig.given.clear();
  rig.ask(group_of("h", 2));
  rig.expect_all_answered_once(2);
  EXPECT_EQ(rig.backend.restarts(), 0);
}

TEST(WorkerBackend, TakesAnAllocationFailureInTheEngineForMemory) {
  Rig rig(rules(rule("before", "q1", "bad_alloc")));
  rig.load();
  rig.ask(group_of("g", 1));
  EXPECT_EQ(rig.answers["q1"].outcome, Outcome::kMemory);
  EXPECT_EQ(rig.answers["q1"].error_code, "E-MEM-ALLOC");
}

TEST(WorkerBackend, GivesUpAWorkerThatAlwaysDiesLoading) {
  Rig rig(rules(rule("load", "", "signal", {{"signal", SIGBUS}})));
  try {
    rig.load();
    FAIL() << "loaded";
  } catch (const BackendError& error) {
    EXPECT_EQ(error.code(), "E-WORKER-START");
    EXPECT_NE(std::string(error.what()).find("4 times"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("SIGBUS"), std::string::npos) << error.what();
  }
  EXPECT_EQ(rig.backend.restarts(), 4);
}

TEST(WorkerBackend, SurvivesDeathsAtHelloAndLoadThatPass) {
  Rig rig(
      rules(rule("hello", "", "exit", {{"times", 1}}), rule("load", "", "exit", {{"times", 2}})));
  rig.load();
  rig.ask(group_of("g", 2));
  rig.expect_all_answered_once(2);
  EXPECT_EQ(rig.backend.restarts(), 3);
}

TEST(WorkerBackend, GivesUpAWorkerThatDiesOverEveryItem) {
  WorkerOptions options = quick_options();
  options.deaths_without_answer = 6;
  Rig rig(rules(rule("before", "", "exit", {{"status", 9}})), options);
  rig.load();
  try {
    rig.ask(group_of("g", 20));
    FAIL() << "answered";
  } catch (const BackendError& error) {
    EXPECT_EQ(error.code(), "E-WORKER-GAVE-UP");
  }
  EXPECT_EQ(rig.backend.restarts(), 6);
}

TEST(WorkerBackend, NamesAProgramThatIsNotThere) {
  SystemClock clock;
  NullLog log;
  WorkerBackend backend({"/nowhere/headroom-worker", {}, {}}, quick_options(), clock, log);
  try {
    backend.hello();
    FAIL() << "started";
  } catch (const BackendError& error) {
    EXPECT_EQ(error.code(), "E-WORKER-START");
    EXPECT_STREQ(error.what(),
                 "cannot start worker /nowhere/headroom-worker: No such file or directory");
  }
}

TEST(WorkerBackend, RefusesAWorkerOfAnotherContract) {
  Rig rig(rules(rule("hello_protocol", "", "none", {{"protocol", 2}})));
  try {
    rig.backend.hello();
    FAIL() << "accepted";
  } catch (const BackendError& error) {
    EXPECT_EQ(error.code(), "E-WORKER-VERSION");
  }
}

TEST(WorkerBackend, RefusesAPlanThatLeavesPicturesOut) {
  Rig rig(rules(rule("plan_pictures", "", "none", {{"count", 1}})));
  try {
    rig.backend.plan({.model = rig.state.path().string(), .pictures = {{64, 64}, {640, 480}}});
    FAIL() << "accepted";
  } catch (const BackendError& error) {
    EXPECT_NE(std::string(error.what()).find("the costs of 1 pictures, 2 were asked for"),
              std::string::npos)
        << error.what();
  }
}

TEST(WorkerBackend, PassesOnWhatTheWorkerReportsAtLoad) {
  Rig rig;
  EXPECT_THROW(rig.backend.load({.model = "/nowhere/model"}), UsageError);
  EXPECT_EQ(rig.backend.restarts(), 0);
}

TEST(WorkerBackend, SpeaksToALoadedWorkerAgainAfterItDiedBetweenGroups) {
  Rig rig;
  rig.load();
  ::kill(static_cast<pid_t>(rig.backend.hello().pid), SIGKILL);
  std::this_thread::sleep_for(20ms);
  rig.ask(group_of("g", 2));
  rig.expect_all_answered_once(2);
  EXPECT_EQ(rig.backend.restarts(), 1);
  EXPECT_EQ(journal_of(rig.state).back(), "ask 2 g batch 0: q1 q2");
}

TEST(WorkerBackend, IsNotStoppedByALogThatNobodyReads) {
  Rig rig(rules(rule("before", "q1", "flood_log", {{"lines", 4000}}),
                rule("before", "q2", "flood", {{"lines", 4000}})));
  rig.load();
  rig.ask(group_of("g", 3));
  rig.expect_all_answered_once(3);
}

TEST(WorkerBackend, SeesADeathThoughAStrangerHoldsThePipes) {
  Rig rig(rules(rule("before", "q1", "orphan", {{"times", 1}}),
                rule("before", "q1", "half_line", {{"times", 1}}),
                rule("before", "q1", "signal", {{"signal", SIGKILL}, {"times", 1}})));
  rig.load();
  const TimePoint begun = rig.clock.now();
  rig.ask(group_of("g", 2));
  rig.expect_all_answered_once(2);
  EXPECT_LT(rig.clock.now() - begun, 5s);
}

TEST(WorkerBackend, SendsPreparesWhileTheGroupBeforeIsAsked) {
  Rig rig(rules(rule("after", "q1", "delay", {{"ms", 50}})));
  rig.load();
  rig.backend.ask(group_of("g", 2), [&](Answer&& answer) {
    if (answer.id == "q1") {
      rig.backend.prepare(group_of("next", 1));
    }
  });
  EXPECT_EQ(journal_of(rig.state).back(), "prepare next");
}

TEST(WorkerBackend, CleansReadsPlansVerifiesAndUnloads) {
  Rig rig;
  const memory::Geometry geometry =
      rig.backend.plan({.model = rig.state.path().string(), .pictures = {{640, 480}}});
  EXPECT_EQ(geometry.family, "scripted");
  ASSERT_EQ(geometry.pictures.size(), 1U);
  EXPECT_EQ(geometry.pictures[0].width, 640U);
  rig.load();
  EXPECT_EQ(rig.backend.reading().active, Bytes(1024));
  EXPECT_EQ(rig.backend.clean(worker::CleanLevel::kAggressive).after.active, Bytes(1024));
  EXPECT_EQ(rig.backend.verify({rig.state.path().string()}).max_logit_difference, 0.25);
  EXPECT_EQ(rig.backend.unload().after.active, Bytes(0));
  rig.ask(group_of("g", 1));
  EXPECT_EQ(rig.answers["q1"].error_code, "E-NOT-LOADED");
}

TEST(WorkerBackend, LeavesNoProcessBehind) {
  pid_t pid = 0;
  {
    Rig rig;
    pid = static_cast<pid_t>(rig.backend.hello().pid);
    EXPECT_EQ(::kill(pid, 0), 0);
    EXPECT_EQ(::getpgid(pid), pid) << "a group of its own, out of the terminal's reach";
  }
  EXPECT_EQ(::kill(pid, 0), -1);
}

}  // namespace

}  // namespace headroom::backends
