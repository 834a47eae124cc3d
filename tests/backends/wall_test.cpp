// The outer wall with real workers: the kernel's, where this machine lets one be made, and the
// supervisor's watch.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <map>

#include "backends/worker_backend.h"
#include "base/errors.h"
#include "death.h"
#include "memory/sampler.h"
#include "memory/system_source.h"
#include "support/worker_fixture.h"

namespace headroom::backends {

namespace {

using testing::group_of;
using testing::journal_of;
using testing::TemporaryFolder;
using worker::Answer;

constexpr Bytes kWall = 48_MiB;

Json allocating(const char* item, int times = -1) {
  return {{"at", "before"}, {"item", item}, {"do", "allocate"}, {"times", times}};
}

/// A worker within a wall, looked at as a run does.
struct Rig {
  Rig(worker::Wall wall, const Json& script)
      : backend(testing::scripted_command(script, state),
                {.restart_pause = std::chrono::milliseconds(1)},
                clock,
                log,
                std::move(wall)) {
    backend.on_death = [this](const Death& death) { deaths.push_back(death); };
    sampler.listen([this](const memory::Reading& now) { backend.look(now); });
    sampler.start();
    backend.hello();
    backend.set_wall(kWall);
    backend.load({.model = state.path().string()});
  }

  ~Rig() { sampler.stop(); }

  void ask(const worker::AskRequest& request) {
    backend.ask(request, [this](Answer&& answer) { answers[answer.id] = std::move(answer); });
  }

  TemporaryFolder state;
  SystemClock clock;
  NullLog log;
  WorkerBackend backend;
  memory::SystemMemorySource source{clock};
  memory::Sampler sampler{source};
  std::vector<Death> deaths;
  std::map<std::string, Answer> answers;
};

void expect_given_up(const Rig& rig, bool by_kernel) {
  ASSERT_EQ(rig.deaths.size(), 3U);
  for (const Death& death : rig.deaths) {
    EXPECT_EQ(to_string(death.kind), "out of memory") << death.evidence;
    ASSERT_TRUE(death.wall) << death.evidence;
    EXPECT_EQ(death.wall->by_kernel, by_kernel);
    EXPECT_EQ(death.wall->limit, kWall);
  }
  EXPECT_EQ(rig.answers.at("q1").outcome, Outcome::kAnswered);
  EXPECT_EQ(rig.answers.at("q2").outcome, Outcome::kMemory);
  EXPECT_EQ(rig.answers.at("q2").error_code, "E-WORKER-OOM");
  EXPECT_EQ(rig.answers.at("q3").outcome, Outcome::kAnswered);
}

TEST(OuterWall, TheKernelKillsTheWorkerThatCrossesItAndTheGroupIsRemoved) {
  worker::Wall wall = worker::make_wall(memory::WallMode::kAuto);
  if (!wall.kernel) {
    GTEST_SKIP() << "no kernel wall is possible here: " << wall.text;
  }
  const std::filesystem::path group = wall.kernel->inside({}).group;
  {
    Rig rig(std::move(wall), Json::array({allocating("q2")}));
    rig.ask(group_of("g", 3));
    expect_given_up(rig, true);
    const std::string& evidence = rig.deaths.front().evidence;
    EXPECT_NE(evidence.find("kernel OOM kill at the wall of 48.0 MiB"), std::string::npos)
        << evidence;
    if (rig.deaths.front().wall->held) {
      EXPECT_GT(*rig.deaths.front().wall->held, 40_MiB);
      EXPECT_LE(*rig.deaths.front().wall->held, kWall);
    }
  }
  EXPECT_TRUE(group.empty() || !std::filesystem::exists(group));
}

TEST(OuterWall, TheWatchKillsTheWorkerThatIsBeyond) {
  Json script = Json::array();
  Json held = allocating("q2");
  held["bytes"] = 100 << 20;
  script.push_back(held);
  script.push_back({{"at", "before"}, {"item", "q2"}, {"do", "hang"}});
  Rig rig(worker::make_wall(memory::WallMode::kWatch), script);
  rig.ask(group_of("g", 3));
  expect_given_up(rig, false);
  const std::string& evidence = rig.deaths.front().evidence;
  EXPECT_NE(evidence.find("killed by the supervisor's watch: footprint "), std::string::npos)
      << evidence;
  EXPECT_NE(evidence.find("> 48.0 MiB"), std::string::npos) << evidence;
  EXPECT_GT(rig.deaths.front().wall->held.value_or(Bytes()), 48_MiB);
}

TEST(OuterWall, WithoutOneNothingIsKilled) {
  Json held = allocating("q2");
  held["bytes"] = 100 << 20;
  Rig rig(worker::make_wall(memory::WallMode::kOff), Json::array({held}));
  rig.ask(group_of("g", 3));
  EXPECT_TRUE(rig.deaths.empty());
  rig.sampler.tick();
  EXPECT_EQ(rig.answers.at("q2").outcome, Outcome::kAnswered);
}

/// A wall that the kernel refuses when it matters.
class RefusedWall final : public worker::KernelWall {
 public:
  std::string text() const override { return "a wall"; }

  worker::WorkerCommand inside(const worker::WorkerCommand& command) override {
    worker::WorkerCommand result = command;
    result.group = "/nowhere";
    return result;
  }

  std::string set_limit(Bytes) override { return {}; }

  worker::WallCount count() const override { return {}; }
};

TEST(OuterWall, AWorkerThatIsNotLetInIsWatchedInstead) {
  Json held = allocating("q2");
  held["bytes"] = 100 << 20;
  const Json hang = {{"at", "before"}, {"item", "q2"}, {"do", "hang"}};
  Rig rig({std::make_unique<RefusedWall>(), false, "a wall"}, Json::array({held, hang}));
  EXPECT_NE(rig.backend.wall().find("watch"), std::string::npos) << rig.backend.wall();
  EXPECT_NE(rig.backend.wall().find("/nowhere"), std::string::npos) << rig.backend.wall();
  rig.ask(group_of("g", 3));
  expect_given_up(rig, false);
}

TEST(OuterWall, AfterADeathTheGroupGoesOnWithTheLimitsThatItIsGiven) {
  Json die = {{"at", "before"}, {"item", "q2"}, {"do", "signal"}, {"signal", SIGSEGV}};
  die["times"] = 2;
  Rig rig(worker::Wall{}, Json::array({die}));
  std::vector<std::uint32_t> chunks;
  rig.backend.limits_after_death = [&](const Death& death, const worker::AskLimits& limits) {
    EXPECT_EQ(death.detail, SIGSEGV);
    chunks.push_back(limits.prefill_chunk);
    AfterDeath after{limits, ""};
    after.limits.prefill_chunk = limits.prefill_chunk / 2;
    after.rung = "prefill chunk " + std::to_string(after.limits.prefill_chunk);
    return after;
  };
  worker::AskRequest request = group_of("g", 3);
  request.limits.prefill_chunk = 256;
  rig.ask(request);
  EXPECT_EQ(chunks, (std::vector<std::uint32_t>{256, 128}));
  const std::vector<std::string> expected = {"load 1",
                                             "ask 1 g batch 0 chunk 256: q1 q2 q3",
                                             "load 2",
                                             "ask 2 g batch 1 chunk 128: q2 q3",
                                             "load 3",
                                             "ask 3 g batch 1 chunk 64: q2",
                                             "ask 3 g batch 1 chunk 64: q3"};
  EXPECT_EQ(journal_of(rig.state), expected);
  EXPECT_EQ(rig.answers.at("q2").outcome, Outcome::kAnswered);
  EXPECT_EQ(rig.answers.at("q2").rung, "one by one after a worker's death, prefill chunk 64");
}

TEST(OuterWall, WhatIsRefusedAfterADeathEndsInMemoryAndIsNotAskedAgain) {
  const Json die = {{"at", "before"}, {"item", "q2"}, {"do", "signal"}, {"signal", SIGKILL}};
  Rig rig(worker::Wall{}, Json::array({die}));
  rig.backend.limits_after_death = [](const Death&, const worker::AskLimits& limits) {
    return AfterDeath{limits, "", "planned 2.0 GiB > 1.0 GiB"};
  };
  rig.ask(group_of("g", 3));
  EXPECT_EQ(journal_of(rig.state),
            (std::vector<std::string>{"load 1", "ask 1 g batch 0: q1 q2 q3"}));
  EXPECT_EQ(rig.answers.at("q1").outcome, Outcome::kAnswered);
  for (const char* rest : {"q2", "q3"}) {
    EXPECT_EQ(rig.answers.at(rest).outcome, Outcome::kMemory);
    EXPECT_EQ(rig.answers.at(rest).error_code, "E-MEM-GROUP");
    EXPECT_EQ(rig.answers.at(rest).error, "planned 2.0 GiB > 1.0 GiB");
  }
}

TEST(Classify, TellsTheWallFromOtherDeaths) {
  worker::WorkerEnd killed;
  killed.exit.signal = SIGKILL;
  killed.oom_readable = true;
  worker::WorkerEnd by_kernel = killed;
  by_kernel.oom_kill = "memory.events oom_kill 0 -> 1";
  worker::WorkerEnd by_watch = killed;
  by_watch.struck = "footprint 530.0 MiB > 512.0 MiB";
  worker::WorkerEnd crashed = by_watch;
  crashed.exit.signal = SIGSEGV;
  const Death::AtWall kernel{512_MiB, 511_MiB, true};
  const Death::AtWall watch{512_MiB, 530_MiB, false};

  struct Case {
    const char* what;
    const worker::WorkerEnd& end;
    std::optional<Death::AtWall> wall;
    Death::Kind kind;
    bool at_wall;
    const char* evidence;
  };

  const Case cases[] = {
      {"kernel, at the wall",
       by_kernel,
       kernel,
       Death::Kind::kOutOfMemory,
       true,
       "kernel OOM kill at the wall of 512.0 MiB, 511.0 MiB held (memory.events oom_kill 0 -> 1)"},
      {"kernel, elsewhere",
       by_kernel,
       std::nullopt,
       Death::Kind::kOutOfMemory,
       false,
       "kernel OOM kill (memory.events oom_kill 0 -> 1)"},
      {"watch",
       by_watch,
       watch,
       Death::Kind::kOutOfMemory,
       true,
       "killed by the supervisor's watch: footprint 530.0 MiB > 512.0 MiB"},
      {"a stranger's kill after the wall was touched",
       killed,
       kernel,
       Death::Kind::kSignal,
       false,
       "signal 9 (SIGKILL)"},
      {"a crash just before the watch's kill",
       crashed,
       watch,
       Death::Kind::kSignal,
       false,
       "signal 11 (SIGSEGV)"},
  };
  for (const Case& one : cases) {
    const Death death = classify(one.end, {}, one.wall);
    EXPECT_EQ(to_string(death.kind), to_string(one.kind)) << one.what;
    EXPECT_EQ(death.wall.has_value(), one.at_wall) << one.what;
    EXPECT_NE(death.evidence.find(one.evidence), std::string::npos)
        << one.what << ": " << death.evidence;
  }
}

}  // namespace

}  // namespace headroom::backends
