// The server backend against a server that does what it is told to.
#include "backends/server_backend.h"

#include <gtest/gtest.h>

#include <atomic>
#include <ctime>
#include <fstream>
#include <future>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "base/errors.h"
#include "base/json.h"
#include "images/encode.h"
#include "scripted_server.h"
#include "support/jsonl_table.h"
#include "support/temporary_folder.h"

namespace headroom::backends {
namespace {

using namespace std::chrono_literals;
using test::Connection;
using test::HttpRequest;
using test::ScriptedServer;

const std::string kPng = images::encode_png({1, 1, {200, 10, 10}});

class MemoryLog final : public Log {
 public:
  void write(LogLevel, std::string_view, const std::string& message) override {
    const std::lock_guard lock(mutex_);
    text_ += message + "\n";
  }

  std::string text() const {
    const std::lock_guard lock(mutex_);
    return text_;
  }

 private:
  mutable std::mutex mutex_;
  std::string text_;
};

std::string answer_body(const std::string& text) {
  return dump_json({{"choices", {{{"finish_reason", "stop"}, {"message", {{"content", text}}}}}},
                    {"usage", {{"prompt_tokens", 40}, {"completion_tokens", 1}}}});
}

/// The text of the last message's first text part.
std::string question_of(const HttpRequest& request) {
  const Json body = Json::parse(request.body);
  const Json content = body["messages"].back()["content"];
  return content.is_string() ? content : content.back()["text"];
}

bool is_chat(const HttpRequest& request) { return request.method == "POST"; }

/// What a server of model "m" says of itself; false: something else was asked.
bool introduce(const HttpRequest& request, Connection& connection, const std::string& props = "") {
  if (is_chat(request)) {
    return false;
  }
  if (request.path == "/v1/models") {
    connection.reply(200, R"({"data":[{"id":"m"}]})");
  } else if (request.path == "/props" && !props.empty()) {
    connection.reply(200, props);
  } else {
    connection.reply(404, R"({"error":"no"})");
  }
  return true;
}

ServerOptions quick() {
  ServerOptions options;
  options.attempts = 3;
  options.pause = 10ms;
  options.longest_pause = 50ms;
  options.patience = 300ms;
  options.connect_timeout = 1s;
  options.look_timeout = 2s;
  options.most_answer_bytes = 1U << 20U;
  return options;
}

worker::AskRequest group_of(const std::string& name,
                            std::size_t questions,
                            double seconds_for_one = 10,
                            bool picture = true) {
  worker::AskRequest request;
  request.group = name;
  request.limits.deadline_seconds = seconds_for_one * static_cast<double>(questions);
  if (picture) {
    request.pictures.push_back({"", kPng, "p.png"});
  }
  for (std::size_t i = 0; i < questions; ++i) {
    worker::AskItem item;
    item.id = name + std::to_string(i);
    std::vector<Part> parts = {Part::of_text("question " + item.id)};
    if (picture) {
      parts.insert(parts.begin(), Part::of_image(0));
    }
    item.conversation = {{"user", std::move(parts)}};
    request.items.push_back(std::move(item));
  }
  return request;
}

struct World {
  SystemClock clock;
  MemoryLog log;
};

std::map<std::string, worker::Answer> ask(ServerBackend& backend,
                                          const worker::AskRequest& request) {
  std::map<std::string, worker::Answer> answers;
  backend.ask(request, [&](worker::Answer&& answer) {
    const std::string id = answer.id;
    EXPECT_TRUE(answers.emplace(id, std::move(answer)).second) << id;
  });
  return answers;
}

TEST(ServerBackend, AModelThatRefusesMaxTokensIsAskedByTheOtherName) {
  std::atomic<int> refused{0};
  ScriptedServer server([&](const HttpRequest& request, Connection& connection) {
    if (introduce(request, connection)) {
      return;
    }
    const Json body = Json::parse(request.body);
    if (body.contains("max_tokens")) {
      ++refused;
      connection.reply(
          400,
          R"({"error":{"message":"Unsupported parameter: 'max_tokens' is not supported)"
          R"( with this model. Use 'max_completion_tokens' instead."}})");
      return;
    }
    EXPECT_EQ(body["max_completion_tokens"], 100);
    connection.reply(200, answer_body("red"));
  });
  World world;
  ServerBackend backend({{server.url("/v1")}, "m"}, quick(), world.clock, world.log);
  const auto answers = ask(backend, group_of("g", 3));
  for (const auto& [id, answer] : answers) {
    EXPECT_EQ(answer.outcome, Outcome::kAnswered) << id << answer.error;
    EXPECT_TRUE(answer.notices.empty()) << "that was no attempt";
  }
  EXPECT_EQ(refused, 1);
}

// ---- faults, as the table says

using Fault = std::function<void(Connection&, const ScriptedServer&)>;

const std::map<std::string, Fault>& faults() {
  static const std::map<std::string, Fault> kFaults = {
      {"reset in mid-answer",
       [](Connection& c, const ScriptedServer&) {
         c.send("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"choices\":[");
         c.reset();
       }},
      {"closed in mid-stream",
       [](Connection& c, const ScriptedServer&) {
         c.send(
             "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
             "data: {\"choices\":[{\"delta\":{\"content\":\"the sh\"}}]}\n\n");
         c.close();
       }},
      {"slow drip",
       [](Connection& c, const ScriptedServer& server) {
         c.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
         while (!server.ending() && !c.wait_closed(5ms) && c.send(" ")) {
         }
       }},
      {"silence", [](Connection& c, const ScriptedServer&) { c.wait_closed(5s); }},
      {"429 with Retry-After",
       [](Connection& c, const ScriptedServer&) {
         c.reply(
             429, R"({"error":{"message":"slow down"}})", "application/json", "Retry-After: 1\r\n");
       }},
      {"429 without",
       [](Connection& c, const ScriptedServer&) {
         c.reply(429, R"({"error":{"message":"slow"}})");
       }},
      {"500", [](Connection& c, const ScriptedServer&) { c.reply(500, R"({"error":"boom"})"); }},
      {"400",
       [](Connection& c, const ScriptedServer&) { c.reply(400, R"({"error":"bad field"})"); }},
      {"401",
       [](Connection& c, const ScriptedServer&) {
         c.reply(401, R"({"error":{"message":"Incorrect API key provided: sekrit"}})");
       }},
      {"wrong model",
       [](Connection& c, const ScriptedServer&) {
         c.reply(404, R"({"message":"The model `m` does not exist."})");
       }},
      {"no vision",
       [](Connection& c, const ScriptedServer&) {
         c.reply(500, R"({"error":{"message":"image input is not supported"}})");
       }},
      {"broken picture",
       [](Connection& c, const ScriptedServer&) {
         c.reply(400, R"({"error":{"message":"Failed to load image or audio file"}})");
       }},
      {"context overflow",
       [](Connection& c, const ScriptedServer&) {
         c.reply(400,
                 R"({"error":{"message":"the request exceeds the available context size",)"
                 R"("type":"exceed_context_size_error","n_prompt_tokens":5000,"n_ctx":4096}})");
       }},
      {"out of memory",
       [](Connection& c, const ScriptedServer&) {
         c.reply(500, R"({"error":"CUDA out of memory"})");
       }},
      {"HTML",
       [](Connection& c, const ScriptedServer&) {
         c.reply(200, "<html>Welcome</html>", "text/html");
       }},
      {"truncated JSON",
       [](Connection& c, const ScriptedServer&) { c.reply(200, R"({"choices":[{"mess)"); }},
      {"empty", [](Connection& c, const ScriptedServer&) { c.reply(200, ""); }},
      {"1 GB",
       [](Connection& c, const ScriptedServer&) {
         c.send("HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n");
         const std::string block(1U << 16U, ' ');
         for (int i = 0; i < 16384 && c.send(block); ++i) {
         }
       }},
      {"not HTTP",
       [](Connection& c, const ScriptedServer&) {
         c.send("220 mail.example ESMTP\r\n");
         c.close();
       }},
  };
  return kFaults;
}

class ServerFaults : public ::testing::TestWithParam<Json> {};

/// {"name", "fault", "times" (0: for ever), "outcome" or "throws", "code", "attempts",
///  "seconds": [least, most], "words"}.
TEST_P(ServerFaults, EndAsTheTableSays) {
  const Json& row = GetParam();
  const Fault& fault = faults().at(row["fault"]);
  const int times = row["times"];
  std::atomic<int> asked{0};
  ScriptedServer* self = nullptr;
  ScriptedServer server([&](const HttpRequest& request, Connection& connection) {
    if (introduce(request, connection)) {
      return;
    }
    const int count = ++asked;
    times == 0 || count <= times ? fault(connection, *self)
                                 : connection.reply(200, answer_body("red"));
  });
  self = &server;
  World world;
  ServerOptions options = quick();
  options.api_key = "sekrit";
  ServerBackend backend({{server.url("/v1")}, "m"}, options, world.clock, world.log);
  backend.load({});
  const auto began = std::chrono::steady_clock::now();
  std::string said;
  try {
    const auto answers = ask(backend, group_of("g", 1, row.value("timeout", 10.0)));
    ASSERT_EQ(answers.size(), 1U);
    const worker::Answer& answer = answers.begin()->second;
    said = answer.error;
    EXPECT_EQ(to_string(answer.outcome), row.value("outcome", "")) << said;
    EXPECT_EQ(answer.error_code, row.value("code", "")) << said;
  } catch (const BackendError& error) {
    said = error.what();
    EXPECT_TRUE(row.contains("throws")) << said;
    EXPECT_EQ(error.code(), row.value("throws", "")) << said;
  }
  const double took =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  EXPECT_EQ(asked.load(), row["attempts"].get<int>()) << said;
  EXPECT_GE(took, row["seconds"][0].get<double>()) << said;
  EXPECT_LE(took, row["seconds"][1].get<double>()) << said;
  EXPECT_EQ((said + world.log.text()).find("sekrit"), std::string::npos) << said;
  for (const std::string word : row.value("words", Json::array())) {
    EXPECT_NE(said.find(word), std::string::npos) << word << " in: " << said;
  }
}

INSTANTIATE_TEST_SUITE_P(Table,
                         ServerFaults,
                         ::testing::ValuesIn(test::read_jsonl_table(
                             std::string(HEADROOM_TEST_DATA) + "/backends/server_faults.jsonl")),
                         [](const ::testing::TestParamInfo<Json>& row) {
                           std::string name;
                           for (const char c : row.param.at("name").get<std::string>()) {
                             name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
                           }
                           return name;
                         });

// ---- before the run

TEST(ServerBackend, SaysWhoIsThereAndRecordsIt) {
  ScriptedServer server([](const HttpRequest& request, Connection& connection) {
    introduce(request,
              connection,
              R"({"total_slots":2,"build_info":"b1","default_generation_settings":{"n_ctx":2048},
                  "modalities":{"vision":true}})");
  });
  World world;
  ServerBackend backend({{server.url("/v1")}, ""}, quick(), world.clock, world.log);
  EXPECT_EQ(backend.hello().engine, "server");
  EXPECT_EQ(backend.hello().engine_version, "llama.cpp b1");
  EXPECT_EQ(backend.hello().device, "server: 127.0.0.1:" + std::to_string(server.port()));
  const worker::Loaded loaded = backend.load({});
  EXPECT_EQ(loaded.family, "m");
  ASSERT_EQ(loaded.notices.size(), 1U);
  EXPECT_EQ(
      loaded.notices[0],
      server.url("/v1") + ": llama.cpp b1; model m; takes pictures; context 2,048 tokens; 2 slots");
  EXPECT_EQ(backend.plan({"", "", {{10, 10, {}}}, 0, 0}).context_tokens, 2048U);
  EXPECT_EQ(backend.groups_ahead(), 4U);
}

TEST(ServerBackend, RefusesPicturesForAModelThatTakesNone) {
  ScriptedServer server([](const HttpRequest& request, Connection& connection) {
    introduce(request, connection, R"({"total_slots":1,"modalities":{"vision":false}})");
  });
  World world;
  ServerBackend backend({{server.url("/v1")}, "m"}, quick(), world.clock, world.log);
  EXPECT_NO_THROW(backend.plan({}));
  try {
    backend.plan({"", "", {{10, 10, {}}}, 0, 0});
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_EQ(error.code(), "E-SERVER-NO-VISION");
  }
}

TEST(ServerBackend, RefusesAnotherModelBeforeTheRun) {
  ScriptedServer server(
      [](const HttpRequest& request, Connection& connection) { introduce(request, connection); });
  World world;
  ServerBackend backend({{server.url("/v1")}, "llava"}, quick(), world.clock, world.log);
  try {
    backend.hello();
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_EQ(error.code(), "E-SERVER-MODEL");
  }
}

TEST(ServerBackend, SaysAtOnceThatNobodyListens) {
  World world;
  const std::string url = "http://127.0.0.1:" + std::to_string(test::unused_port()) + "/v1";
  ServerBackend backend({{url}, "m"}, quick(), world.clock, world.log);
  try {
    backend.hello();
    FAIL();
  } catch (const BackendError& error) {
    EXPECT_EQ(error.code(), "E-SERVER-UNREACHABLE");
    EXPECT_NE(std::string(error.what()).find(url), std::string::npos) << error.what();
  }
}

TEST(ServerBackend, TrustsNoCertificateThatNobodySigned) {
  ScriptedServer server(
      [](const HttpRequest& request, Connection& connection) { introduce(request, connection); },
      ScriptedServer::Tls::kSelfSigned);
  World world;
  ServerOptions options = quick();
  options.api_key = "sekrit";
  ServerBackend backend({{server.url("/v1")}, "m"}, options, world.clock, world.log);
  try {
    backend.hello();
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_EQ(error.code(), "E-SERVER-CERTIFICATE");
  }
  EXPECT_TRUE(server.requests().empty());
}

TEST(ServerBackend, WaitsForAModelThatIsStillLoading) {
  std::atomic<int> looks{0};
  ScriptedServer server([&](const HttpRequest& request, Connection& connection) {
    if (request.path == "/v1/models" && ++looks < 2) {
      connection.reply(503, R"({"error":{"message":"Loading model","code":503}})");
      return;
    }
    introduce(request, connection);
  });
  World world;
  ServerOptions options = quick();
  options.patience = 20s;
  ServerBackend backend({{server.url("/v1")}, "m"}, options, world.clock, world.log);
  EXPECT_NO_THROW(backend.hello());
  EXPECT_EQ(looks, 2);
}

// ---- what is sent

TEST(ServerBackend, SendsTheFilesOwnBytesAndTheKey) {
  ScriptedServer server([](const HttpRequest& request, Connection& connection) {
    if (!introduce(request, connection)) {
      connection.reply(200, answer_body(" red\n"));
    }
  });
  World world;
  ServerOptions options = quick();
  options.api_key = "sekrit";
  ServerBackend backend({{server.url("/v1")}, "m"}, options, world.clock, world.log);
  worker::AskRequest request = group_of("g", 1);
  request.max_image_side = 1024;
  const auto answers = ask(backend, request);
  EXPECT_EQ(answers.at("g0").text, "red");
  EXPECT_TRUE(answers.at("g0").stopped);
  EXPECT_EQ(answers.at("g0").prompt_tokens, 40U);
  const HttpRequest sent = server.requests().back();
  EXPECT_EQ(sent.path, "/v1/chat/completions");
  EXPECT_EQ(sent.headers.at("authorization"), "Bearer sekrit");
  const std::string url = Json::parse(sent.body)["messages"][0]["content"][0]["image_url"]["url"];
  EXPECT_EQ(url.substr(0, 30), "data:image/png;base64,iVBORw0K");
}

TEST(ServerBackend, GivesPicturesThatCannotBeReadTheirOutcomeWithoutSendingThem) {
  ScriptedServer server([](const HttpRequest& request, Connection& connection) {
    if (!introduce(request, connection)) {
      connection.reply(200, answer_body("red"));
    }
  });
  World world;
  ServerBackend backend({{server.url("/v1")}, "m"}, quick(), world.clock, world.log);
  worker::AskRequest request = group_of("g", 2);
  request.pictures[0] = {"/no/such/picture.png", "", "picture.png"};
  request.items[1].conversation = {{"user", {Part::of_text("text only")}}};
  const auto answers = ask(backend, request);
  EXPECT_EQ(answers.at("g0").outcome, Outcome::kImage);
  EXPECT_EQ(answers.at("g0").error_code, "E-IMG-MISSING");
  EXPECT_EQ(answers.at("g1").outcome, Outcome::kAnswered);
}

// ---- many at once

/// Answers each chat request after a moment, and notes who was at work together.
class BusyServer {
 public:
  explicit BusyServer(const std::string& props = "", std::chrono::milliseconds takes = 10ms)
      : server_([this, props, takes](const HttpRequest& request, Connection& connection) {
          if (introduce(request, connection, props)) {
            return;
          }
          {
            const std::lock_guard lock(mutex_);
            most_ = std::max(most_, ++now_);
            order_.push_back(question_of(request));
          }
          std::this_thread::sleep_for(takes);
          {
            const std::lock_guard lock(mutex_);
            --now_;
          }
          connection.reply(200, answer_body(question_of(request)));
        }) {}

  std::string url() const { return server_.url("/v1"); }

  int most() const {
    const std::lock_guard lock(mutex_);
    return most_;
  }

  std::vector<std::string> order() const {
    const std::lock_guard lock(mutex_);
    return order_;
  }

  std::size_t connections() const { return server_.connections(); }

 private:
  mutable std::mutex mutex_;
  int now_ = 0;
  int most_ = 0;
  std::vector<std::string> order_;
  ScriptedServer server_;
};

TEST(ServerBackend, FillsTheSlotsWithGroupsAndNoMore) {
  BusyServer server(R"({"total_slots":3})");
  World world;
  ServerBackend backend({{server.url()}, "m"}, quick(), world.clock, world.log);
  backend.load({});
  EXPECT_EQ(backend.groups_ahead(), 6U);
  for (int i = 1; i <= 6; ++i) {
    EXPECT_TRUE(backend.ask_ahead(group_of("g" + std::to_string(i) + ".", 2)));
  }
  for (int i = 0; i <= 6; ++i) {
    const std::string name = "g" + std::to_string(i) + ".";
    const auto answers = ask(backend, group_of(name, 2));
    ASSERT_EQ(answers.size(), 2U);
    EXPECT_EQ(answers.at(name + "1").text, "question " + name + "1");
  }
  EXPECT_EQ(server.most(), 3);
  EXPECT_EQ(server.order().size(), 14U);
  EXPECT_LE(server.connections(), 6U);  // kept; three that introduced the server among them
}

TEST(ServerBackend, AsksTheFirstQuestionOfAPictureAloneAndThenTheOthersTogether) {
  BusyServer server(R"({"total_slots":4})", 30ms);
  World world;
  ServerBackend backend({{server.url()}, "m"}, quick(), world.clock, world.log);
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(ask(backend, group_of("g", 5)).size(), 5U);
  EXPECT_EQ(server.most(), 4);
  EXPECT_EQ(server.order().front(), "question g0");
  EXPECT_GE(std::chrono::steady_clock::now() - began, 60ms);
}

TEST(ServerBackend, TakesTheConcurrencyThatItIsTold) {
  BusyServer server(R"({"total_slots":4})");
  World world;
  ServerOptions options = quick();
  options.concurrency = 1;
  ServerBackend backend({{server.url()}, "m"}, options, world.clock, world.log);
  EXPECT_EQ(ask(backend, group_of("g", 4)).size(), 4U);
  EXPECT_EQ(server.most(), 1);
}

// ---- cancelling

TEST(ServerBackend, ClosesItsConnectionsWhenCancelled) {
  std::promise<void> asked;
  std::promise<bool> closed;
  ScriptedServer server([&](const HttpRequest& request, Connection& connection) {
    if (introduce(request, connection)) {
      return;
    }
    connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: working\n\n");
    asked.set_value();
    closed.set_value(connection.wait_closed(10s));
    connection.close();
  });
  World world;
  ServerBackend backend({{server.url("/v1")}, "m"}, quick(), world.clock, world.log);
  std::thread stopper([&] {
    asked.get_future().wait();
    backend.cancel();
  });
  EXPECT_THROW(ask(backend, group_of("g", 1)), Cancelled);
  stopper.join();
  EXPECT_TRUE(closed.get_future().get());
}

TEST(ServerBackend, GoesOnAfterACancel) {
  BusyServer server;
  World world;
  ServerBackend backend({{server.url()}, "m"}, quick(), world.clock, world.log);
  backend.load({});
  backend.cancel();
  EXPECT_THROW(ask(backend, group_of("g", 1)), Cancelled);
  EXPECT_EQ(ask(backend, group_of("g", 3)).size(), 3U);
}

TEST(ServerBackend, PassesOnWhatTheSinkThrows) {
  BusyServer server;
  World world;
  ServerBackend backend({{server.url()}, "m"}, quick(), world.clock, world.log);
  EXPECT_THROW(backend.ask(group_of("g", 3),
                           [](worker::Answer&&) { throw ResourceError("E-DISK", "full"); }),
               ResourceError);
  EXPECT_EQ(ask(backend, group_of("h", 2)).size(), 2U);
}

// ---- a server that goes away, and several

TEST(ServerBackend, StopsTheRunWhenNobodyIsThereAnyMore) {
  auto server = std::make_unique<BusyServer>();
  World world;
  ServerBackend backend({{server->url()}, "m"}, quick(), world.clock, world.log);
  EXPECT_EQ(ask(backend, group_of("g", 2)).size(), 2U);
  server.reset();
  try {
    ask(backend, group_of("h", 2));
    FAIL();
  } catch (const BackendError& error) {
    EXPECT_EQ(error.code(), "E-SERVER-UNREACHABLE");
  }
}

TEST(ServerBackend, RestsWhileNobodyIsAskedAnything) {
  auto server = std::make_unique<BusyServer>();
  World world;
  ServerBackend backend({{server->url()}, "m"}, quick(), world.clock, world.log);
  backend.load({});
  server.reset();
  EXPECT_THROW(ask(backend, group_of("g", 1)), BackendError);
  const std::clock_t before = std::clock();
  std::this_thread::sleep_for(300ms);
  EXPECT_LT(static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC, 0.1);
}

TEST(ServerBackend, WaitsForAServerThatComesBack) {
  const auto answering = [](const HttpRequest& request, Connection& connection) {
    if (!introduce(request, connection)) {
      connection.reply(200, answer_body("red"));
    }
  };
  auto server = std::make_unique<ScriptedServer>(answering);
  const int port = server->port();
  World world;
  ServerOptions options = quick();
  options.patience = 20s;
  ServerBackend backend({{server->url("/v1")}, "m"}, options, world.clock, world.log);
  EXPECT_EQ(ask(backend, group_of("g", 1)).size(), 1U);
  server.reset();
  std::thread starter([&] {
    std::this_thread::sleep_for(200ms);
    server = std::make_unique<ScriptedServer>(answering, ScriptedServer::Tls::kNone, port);
  });
  const auto answers = ask(backend, group_of("h", 3));
  starter.join();
  for (const auto& [id, answer] : answers) {
    EXPECT_EQ(answer.outcome, Outcome::kAnswered) << id << ": " << answer.error;
  }
  EXPECT_NE(world.log.text().find("it is there again"), std::string::npos) << world.log.text();
}

TEST(ServerBackend, SpreadsGroupsOverEndpointsAndKeepsEachTogether) {
  BusyServer first(R"({"total_slots":1})");
  BusyServer second(R"({"total_slots":1})");
  World world;
  ServerBackend backend({{first.url(), second.url()}, "m"}, quick(), world.clock, world.log);
  backend.load({});
  for (int i = 1; i < 6; ++i) {
    backend.ask_ahead(group_of("g" + std::to_string(i) + ".", 2));
  }
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(ask(backend, group_of("g" + std::to_string(i) + ".", 2)).size(), 2U);
  }
  EXPECT_GE(first.order().size(), 4U);
  EXPECT_GE(second.order().size(), 4U);
  EXPECT_EQ(first.order().size() + second.order().size(), 12U);
  EXPECT_EQ(first.most(), 1);
}

TEST(ServerBackend, LosesNothingWhenAnEndpointDies) {
  auto dying = std::make_unique<BusyServer>(R"({"total_slots":2})");
  BusyServer staying(R"({"total_slots":2})");
  World world;
  ServerOptions options = quick();
  options.attempts = 5;
  ServerBackend backend({{dying->url(), staying.url()}, "m"}, options, world.clock, world.log);
  backend.load({});
  for (int i = 1; i < 8; ++i) {
    backend.ask_ahead(group_of("g" + std::to_string(i) + ".", 4));
  }
  for (int i = 0; i < 8; ++i) {
    if (i == 1) {
      dying.reset();
    }
    for (const auto& [id, answer] : ask(backend, group_of("g" + std::to_string(i) + ".", 4))) {
      EXPECT_EQ(answer.outcome, Outcome::kAnswered) << id << ": " << answer.error;
    }
  }
}

TEST(ServerBackend, BeginsWithoutAnEndpointThatIsNotThereAndTakesItInLater) {
  BusyServer there(R"({"total_slots":1})", 30ms);
  const int port = test::unused_port();
  const std::string url = "http://127.0.0.1:" + std::to_string(port) + "/v1";
  World world;
  ServerBackend backend({{url, there.url()}, "m"}, quick(), world.clock, world.log);
  EXPECT_EQ(backend.load({}).notices.size(), 2U);
  EXPECT_EQ(ask(backend, group_of("g", 2)).size(), 2U);
  std::atomic<int> asked{0};
  ScriptedServer late(
      [&](const HttpRequest& request, Connection& connection) {
        if (!introduce(request, connection)) {
          ++asked;
          connection.reply(200, answer_body("red"));
        }
      },
      ScriptedServer::Tls::kNone,
      port);
  for (int i = 0; i < 4; ++i) {
    backend.ask_ahead(group_of("h" + std::to_string(i) + ".", 4));
  }
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(ask(backend, group_of("h" + std::to_string(i) + ".", 4)).size(), 4U);
  }
  EXPECT_GT(asked, 0);
}

TEST(ServerBackend, AsksNothingMoreOfAnEndpointWithAnotherModel) {
  BusyServer there(R"({"total_slots":1})", 20ms);
  const int port = test::unused_port();
  const std::string url = "http://127.0.0.1:" + std::to_string(port) + "/v1";
  World world;
  ServerBackend backend({{url, there.url()}, "m"}, quick(), world.clock, world.log);
  backend.load({});
  ScriptedServer other(
      [](const HttpRequest& request, Connection& connection) {
        EXPECT_FALSE(is_chat(request));
        connection.reply(200, R"({"data":[{"id":"another"}]})");
      },
      ScriptedServer::Tls::kNone,
      port);
  EXPECT_EQ(ask(backend, group_of("g", 6)).size(), 6U);
  EXPECT_NE(world.log.text().find("another"), std::string::npos) << world.log.text();
}

TEST(ServerBackend, StopsAfterFailuresInARow) {
  ScriptedServer server([](const HttpRequest& request, Connection& connection) {
    if (!introduce(request, connection)) {
      connection.reply(400, R"({"error":"never"})");
    }
  });
  World world;
  ServerOptions options = quick();
  options.failures_without_answer = 5;
  ServerBackend backend({{server.url("/v1")}, "m"}, options, world.clock, world.log);
  int failed = 0;
  try {
    backend.ask(group_of("g", 20), [&](worker::Answer&&) { ++failed; });
    FAIL();
  } catch (const BackendError& error) {
    EXPECT_EQ(error.code(), "E-SERVER-GAVE-UP");
  }
  EXPECT_EQ(failed, 5);
}

}  // namespace
}  // namespace headroom::backends
