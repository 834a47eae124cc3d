// llama.cpp's server as our child, against one that has no model and does what it is told to.
#include "backends/llama_backend.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <set>

#include "backends/gguf_files.h"
#include "base/errors.h"
#include "base/json.h"
#include "llama_child.h"
#include "scripted_server.h"
#include "support/gguf_file.h"
#include "support/temporary_folder.h"
#include "support/worker_fixture.h"

namespace headroom::backends {
namespace {

using namespace std::chrono_literals;
using test::Connection;
using test::HttpRequest;
using testing::group_of;
using testing::TemporaryFolder;
using worker::Answer;

LlamaOptions quick_options() {
  LlamaOptions options;
  options.restart_pause = 1ms;
  options.look_pause = 5ms;
  options.end_grace = 2s;
  options.server.pause = 1ms;
  return options;
}

/// A backend on a server that behaves so, with everything that it told.
class LlamaBackendTest : public ::testing::Test {
 protected:
  void SetUp() override {
    test::small_gguf_text().write(state_ / "model.gguf");
    test::small_gguf_vision().write(state_ / "mmproj.gguf");
    ::setenv("FAKE_LLAMA_LOG", (state_ / "log").c_str(), 1);
    std::ofstream(state_ / "log").flush();
    behave(Json::object());
  }

  void TearDown() override {
    ::unsetenv("FAKE_LLAMA");
    ::unsetenv("FAKE_LLAMA_LOG");
  }

  static void behave(const Json& how) { ::setenv("FAKE_LLAMA", how.dump().c_str(), 1); }

  LlamaBackend& make(LlamaOptions options = quick_options(), worker::Wall wall = {}) {
    const LlamaCommand command{HEADROOM_SOURCE_DIR "/tests/tools/fake_llama_server.py", {}};
    backend_ =
        std::make_unique<LlamaBackend>(command, std::move(options), clock_, log_, std::move(wall));
    backend_->on_death = [this](const Death& death) { deaths_.push_back(death); };
    return *backend_;
  }

  std::string model(bool vision = true) const {
    return to_string({state_ / "model.gguf", vision ? state_ / "mmproj.gguf" : "", 0});
  }

  worker::PlanRequest plan_request(bool vision = true) const {
    worker::PlanRequest request;
    request.model = model(vision);
    return request;
  }

  worker::AskDone ask(const worker::AskRequest& request) {
    return backend_->ask(request, [this](Answer&& answer) {
      ++given_[answer.id];
      if (on_answer_) {
        on_answer_();
      }
      answers_[answer.id] = std::move(answer);
    });
  }

  void expect_all_answered_once(int items) {
    for (int i = 1; i <= items; ++i) {
      const std::string id = "q" + std::to_string(i);
      EXPECT_EQ(given_[id], 1) << id;
      EXPECT_EQ(answers_[id].outcome, Outcome::kAnswered) << id << ": " << answers_[id].error;
      EXPECT_EQ(answers_[id].text, "red");
    }
  }

  /// Lines of the server's own log that have that key.
  std::vector<Json> noted(const std::string& key) const {
    std::vector<Json> lines;
    std::ifstream file(state_ / "log");
    for (std::string line; std::getline(file, line);) {
      Json json = Json::parse(line);
      if (json.contains(key)) {
        lines.push_back(std::move(json));
      }
    }
    return lines;
  }

  std::string code_of_load() {
    try {
      backend_->load({.model = model()});
    } catch (const Error& error) {
      message_ = error.what();
      return error.code();
    }
    return "loaded";
  }

  TemporaryFolder state_;
  SystemClock clock_;
  NullLog log_;
  std::unique_ptr<LlamaBackend> backend_;
  std::vector<Death> deaths_;
  std::map<std::string, int> given_;
  std::map<std::string, Answer> answers_;
  std::function<void()> on_answer_;
  std::string message_;
};

TEST_F(LlamaBackendTest, AnswersThroughItsChildAsItWasPlanned) {
  LlamaBackend& backend = make();
  EXPECT_EQ(backend.hello().engine, "llama.cpp");
  EXPECT_EQ(backend.hello().engine_version, "fake 1");
  backend.size_for(plan_request(), {1_GiB, {500}, 40, {}});
  const memory::Geometry geometry = backend.plan(plan_request());
  EXPECT_EQ(geometry.reserved.slots, 4U);
  EXPECT_EQ(geometry.context_tokens, 1280U) << "twice 604, rounded up";
  EXPECT_GT(geometry.engine, 1_MiB) << "what the program held when it said its version";
  const worker::Loaded loaded = backend.load({.model = model()});
  EXPECT_EQ(loaded.family, "llama");
  EXPECT_EQ(loaded.dtype, "F16");
  EXPECT_GT(loaded.reading.worker_footprint.value_or(Bytes()), 1_MiB);
  ask(group_of("g", 5));
  expect_all_answered_once(5);
  ASSERT_EQ(noted("start").size(), 1U);
  const Json start = noted("start")[0];
  const std::string words = start["start"].dump();
  EXPECT_NE(words.find(R"("-c","5120","-np","4")"), std::string::npos) << words;
  EXPECT_NE(words.find("mmproj.gguf"), std::string::npos) << words;
  EXPECT_EQ(words.find(start["key"].get<std::string>()), std::string::npos)
      << "a list of processes shows it";
  EXPECT_EQ(start["settings"]["LLAMA_ARG_CACHE_RAM"], "0");
}

TEST_F(LlamaBackendTest, OfItsSettingsInTheEnvironmentItGetsThreadsAlone) {
  ::setenv("LLAMA_ARG_THREADS", "3", 1);
  ::setenv("LLAMA_ARG_CTX_SIZE", "99", 1);
  ::setenv("LLAMA_ARG_CACHE_RAM", "8192", 1);
  make().load({.model = model()});
  ::unsetenv("LLAMA_ARG_THREADS");
  ::unsetenv("LLAMA_ARG_CTX_SIZE");
  ::unsetenv("LLAMA_ARG_CACHE_RAM");
  const Json settings = noted("start")[0]["settings"];
  EXPECT_EQ(settings["LLAMA_ARG_THREADS"], "3");
  EXPECT_EQ(settings["LLAMA_ARG_CACHE_RAM"], "0") << "ours";
  EXPECT_FALSE(settings.contains("LLAMA_ARG_CTX_SIZE"));
}

TEST_F(LlamaBackendTest, AChosenDeviceBringsWhatGoesWithIt) {
  EXPECT_TRUE(llama_inherits("LLAMA_ARG_N_GPU_LAYERS", true));
  EXPECT_FALSE(llama_inherits("LLAMA_ARG_N_GPU_LAYERS", false));
  EXPECT_FALSE(llama_inherits("LLAMA_ARG_DEVICE_DRAFT", true));
  EXPECT_TRUE(llama_inherits("PATH", false));
}

TEST_F(LlamaBackendTest, KilledInMidRunEverythingIsAnsweredOnce) {
  behave({{"die_at", {3, 6}}});
  LlamaBackend& backend = make();
  backend.load({.model = model()});
  ask(group_of("g", 8));
  expect_all_answered_once(8);
  EXPECT_EQ(backend.restarts(), 2);
  ASSERT_EQ(deaths_.size(), 2U);
  EXPECT_EQ(deaths_[0].detail, SIGKILL);
  EXPECT_NE(answers_["q8"].rung.find("after the server's death"), std::string::npos);
  std::set<std::string> keys;
  for (const Json& start : noted("start")) {
    keys.insert(start["key"]);
  }
  EXPECT_EQ(keys.size(), 3U) << "a new key at each start";
}

TEST_F(LlamaBackendTest, GroupsThatWereBegunAheadAreAskedOnTheNextServer) {
  behave({{"die_at", {2}}});
  LlamaOptions options = quick_options();
  options.slots = 1;
  LlamaBackend& backend = make(std::move(options));
  backend.size_for(plan_request(), {1_GiB, {50}, 40, {}});
  backend.load({.model = model()});
  worker::AskRequest second = group_of("second", 1);
  second.items[0].id = "q4";
  EXPECT_EQ(backend.groups_ahead(), 2U);
  EXPECT_TRUE(backend.ask_ahead(second));
  ask(group_of("first", 3));
  ask(second);
  expect_all_answered_once(4);
  EXPECT_EQ(backend.restarts(), 1);
}

TEST_F(LlamaBackendTest, AQuestionThatAlwaysKillsItEndsAndTheOthersGoOn) {
  behave({{"die_on", "q2"}});
  make().load({.model = model()});
  const worker::AskDone done = ask(group_of("g", 4));
  EXPECT_EQ(done.answered, 3U);
  EXPECT_EQ(done.failed, 1U);
  EXPECT_EQ(answers_["q2"].outcome, Outcome::kModel) << answers_["q2"].error;
  EXPECT_EQ(answers_["q2"].error_code, "E-WORKER-DIED");
  EXPECT_EQ(answers_["q3"].outcome, Outcome::kAnswered);
}

TEST_F(LlamaBackendTest, ConnectionsThatItClosesAreItsDeathToo) {
  behave({{"deaf", true}});
  LlamaOptions options = quick_options();
  options.death_grace = 1ms;
  make(std::move(options)).load({.model = model()});
  ask(group_of("g", 1));
  EXPECT_EQ(answers_["q1"].outcome, Outcome::kModel);
  ASSERT_EQ(deaths_.size(), 3U);
  EXPECT_EQ(deaths_[0].kind, Death::Kind::kHang) << deaths_[0].evidence;
}

TEST_F(LlamaBackendTest, OneThatHangsIsKilledStartedAgainAndAsked) {
  behave({{"hang_at", {2}}});
  LlamaOptions options = quick_options();
  options.server.look_timeout = 200ms;
  options.slots = 1;
  LlamaBackend& backend = make(std::move(options));
  backend.load({.model = model()});
  worker::AskRequest request = group_of("g", 3);
  request.limits.deadline_seconds = 3 * 1.0;
  const TimePoint began = clock_.now();
  ask(request);
  expect_all_answered_once(3);
  EXPECT_LT(clock_.now() - began, 20s);
  ASSERT_EQ(deaths_.size(), 1U);
  EXPECT_EQ(deaths_[0].kind, Death::Kind::kHang);
  EXPECT_NE(deaths_[0].evidence.find("does not answer for its health"), std::string::npos)
      << deaths_[0].evidence;
  EXPECT_EQ(noted("start").size(), 2U);
}

TEST_F(LlamaBackendTest, AQuestionAtWhichItAlwaysHangsEnds) {
  behave({{"hang_at", {1, 2, 3, 4, 5, 6}}});
  LlamaOptions options = quick_options();
  options.server.look_timeout = 100ms;
  make(std::move(options)).load({.model = model()});
  worker::AskRequest request = group_of("g", 1);
  request.limits.deadline_seconds = 0.3;
  ask(request);
  EXPECT_EQ(answers_["q1"].outcome, Outcome::kModel) << answers_["q1"].error;
  EXPECT_EQ(deaths_.size(), 3U);
}

TEST_F(LlamaBackendTest, OneThatIsSlowAndSoundIsNotKilled) {
  behave({{"slow_at", {1}}});
  make().load({.model = model()});
  worker::AskRequest request = group_of("g", 1);
  request.limits.deadline_seconds = 0.5;
  ask(request);
  EXPECT_EQ(answers_["q1"].outcome, Outcome::kTimeout) << answers_["q1"].error;
  EXPECT_TRUE(deaths_.empty());
}

TEST_F(LlamaBackendTest, SomebodyElseAtItsPortIsLeftAlone) {
  std::atomic<int> others{0};
  test::ScriptedServer other([&](const HttpRequest& request, Connection& connection) {
    others += request.method == "GET" && request.path == "/props" ? 0 : 1;
    connection.reply(200, R"({"total_slots":4,"modalities":{"vision":true}})");
  });
  LlamaOptions options = quick_options();
  int starts = 0;
  options.port = [&] { return starts++ == 0 ? other.port() : test::unused_port(); };
  make(std::move(options)).load({.model = model()});
  ask(group_of("g", 2));
  expect_all_answered_once(2);
  const std::vector<Json> started = noted("start");
  ASSERT_EQ(started.size(), 2U) << "the first found the port taken, and ended";
  EXPECT_EQ(others, 0) << "nothing was asked of it";
  for (const HttpRequest& request : other.requests()) {
    for (const Json& start : started) {
      EXPECT_EQ(request.headers.at("authorization").find(start["key"].get<std::string>()),
                std::string::npos)
          << "our key is nobody else's";
    }
  }
}

TEST_F(LlamaBackendTest, AServerThatTakesAnyKeyOrNoneIsNotOurs) {
  for (const char* key : {"any", "none"}) {
    behave({{"key", key}});
    LlamaOptions options = quick_options();
    options.load_timeout = 300ms;
    options.death_grace = 1ms;
    options.start_attempts = 1;
    make(std::move(options));
    EXPECT_EQ(code_of_load(), "E-SERVER-START");
    EXPECT_NE(message_.find("not ready within"), std::string::npos) << message_;
  }
}

TEST_F(LlamaBackendTest, AServerOfAnotherModelIsRefused) {
  behave({{"name", "llava"}});
  make();
  EXPECT_EQ(code_of_load(), "E-SERVER-MODEL") << message_;
}

TEST_F(LlamaBackendTest, AServerThatDoesNotStartIsToldWithItsWords) {
  behave({{"exit", 3}});
  LlamaBackend& backend = make();
  EXPECT_EQ(code_of_load(), "E-SERVER-START");
  EXPECT_NE(message_.find("died 4 times in a row"), std::string::npos) << message_;
  EXPECT_NE(message_.find("it was told to fail"), std::string::npos) << message_;
  EXPECT_EQ(backend.restarts(), 4);
}

TEST_F(LlamaBackendTest, AProgramThatIsNotThereIsNamed) {
  LlamaBackend backend({"/no/such/llama-server", {}}, quick_options(), clock_, log_);
  try {
    backend.hello();
    FAIL();
  } catch (const BackendError& error) {
    EXPECT_EQ(error.code(), "E-WORKER-START");
    EXPECT_NE(std::string(error.what()).find("/no/such/llama-server"), std::string::npos);
  }
}

TEST_F(LlamaBackendTest, CleaningErasesTheSlotsAndThenStartsItAgain) {
  behave({{"grow_mib", 40}, {"erase_frees", true}});
  LlamaBackend& backend = make();
  backend.size_for(plan_request(), {1_GiB, {50}, 40, {}});
  backend.load({.model = model()});
  ask(group_of("g", 1));
  const worker::Cleaned erased = backend.clean(worker::CleanLevel::kNormal);
  EXPECT_EQ(noted("erased").size(), 4U);
  EXPECT_GT(erased.before.worker_footprint.value_or(Bytes()),
            erased.after.worker_footprint.value_or(Bytes()) + 30_MiB);
  EXPECT_EQ(noted("start").size(), 1U);
  backend.clean(worker::CleanLevel::kAggressive);
  EXPECT_EQ(noted("start").size(), 2U);
  EXPECT_EQ(backend.restarts(), 0) << "that was no death";
  given_.clear();
  ask(group_of("h", 2));
  expect_all_answered_once(2);
}

TEST_F(LlamaBackendTest, OneThatGrowsPastTheWallIsStoppedAndTheRunGoesOnWithFewerSlots) {
  behave({{"grow_mib", 60}});
  worker::Wall wall;
  wall.watch = true;
  wall.text = "a watch";
  LlamaBackend& backend = make(quick_options(), std::move(wall));
  backend.size_for(plan_request(), {1_GiB, {50}, 40, {}});
  backend.set_wall(150_MiB);
  memory::Reading far;
  far.worker_footprint = 1_GiB;  // a look is worth a closer one
  on_answer_ = [&] { backend.look(far); };
  backend.load({.model = model()});
  ask(group_of("g", 6));
  expect_all_answered_once(6);
  ASSERT_GE(deaths_.size(), 1U);
  EXPECT_EQ(deaths_[0].kind, Death::Kind::kOutOfMemory) << deaths_[0].evidence;
  ASSERT_TRUE(deaths_[0].wall.has_value());
  EXPECT_EQ(deaths_[0].wall->limit, 150_MiB);
  EXPECT_NE(noted("start")[1]["start"].dump().find(R"("-np","2")"), std::string::npos);
  EXPECT_NE(answers_["q6"].rung.find("death, slots "), std::string::npos) << answers_["q6"].rung;
}

TEST_F(LlamaBackendTest, OneThatIsStoppedBetweenGroupsIsStartedAgain) {
  worker::Wall wall;
  wall.watch = true;
  LlamaBackend& backend = make(quick_options(), std::move(wall));
  backend.load({.model = model()});
  backend.set_wall(1_MiB);  // it moved below what is held
  memory::Reading far;
  far.worker_footprint = 1_GiB;
  backend.look(far);
  ask(group_of("g", 1));
  EXPECT_EQ(answers_["q1"].outcome, Outcome::kAnswered);
  EXPECT_EQ(backend.restarts(), 1);
}

TEST_F(LlamaBackendTest, PicturesWantAVisionPart) {
  LlamaBackend& backend = make();
  worker::PlanRequest request = plan_request(false);
  request.pictures = {{64, 64, 12_KiB}};
  try {
    backend.plan(request);
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_EQ(error.code(), "E-SERVER-NO-VISION");
    EXPECT_NE(std::string(error.what()).find("+mmproj="), std::string::npos);
  }
  request.model = model();
  EXPECT_EQ(backend.plan(request).pictures.at(0).decode, 12_KiB);
}

TEST_F(LlamaBackendTest, UnloadingEndsTheChild) {
  LlamaBackend& backend = make();
  backend.load({.model = model()});
  const pid_t pid = noted("start")[0]["pid"];
  EXPECT_EQ(::kill(pid, 0), 0);
  const worker::Unloaded unloaded = backend.unload();
  EXPECT_GT(unloaded.before.worker_footprint.value_or(Bytes()), 1_MiB);
  EXPECT_EQ(unloaded.after.worker_footprint, Bytes());
  EXPECT_NE(::kill(pid, 0), 0);
}

TEST_F(LlamaBackendTest, FoldersThatKilledProcessesLeftAreRemovedAndNoOthers) {
  namespace fs = std::filesystem;
  const pid_t gone = ::fork();
  if (gone == 0) {
    ::_exit(0);
  }
  ::waitpid(gone, nullptr, 0);
  const fs::path left = state_ / ("headroom-slots-" + std::to_string(gone) + "-aaaaaa");
  const fs::path full = state_ / ("headroom-slots-" + std::to_string(gone) + "-bbbbbb");
  const fs::path alive = state_ / ("headroom-slots-" + std::to_string(::getppid()) + "-aaaaaa");
  for (const fs::path& folder : {left, full / "something", alive}) {
    fs::create_directories(folder);
  }
  ::setenv("TMPDIR", state_.path().c_str(), 1);
  make().load({.model = model()});
  backend_.reset();
  ::unsetenv("TMPDIR");
  EXPECT_FALSE(fs::exists(left));
  EXPECT_TRUE(fs::exists(full));
  EXPECT_TRUE(fs::exists(alive));
  std::size_t folders = 0;
  for (const auto& entry : fs::directory_iterator(state_.path())) {
    folders += entry.is_directory() ? 1 : 0;
  }
  EXPECT_EQ(folders, 2U) << "its own is gone too";
}

TEST_F(LlamaBackendTest, ACancelEndsLoading) {
  LlamaBackend& backend = make();
  backend.hello();
  backend.cancel();
  EXPECT_EQ(code_of_load(), "E-CANCELLED");
  EXPECT_EQ(code_of_load(), "loaded") << "and nothing later";
}

}  // namespace
}  // namespace headroom::backends
