// The built program against a server in this process.

#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <fstream>
#include <map>
#include <optional>
#include <regex>
#include <thread>

#include "base/json.h"
#include "process.h"
#include "scripted_server.h"
#include "support/case_text.h"
#include "support/temporary_folder.h"

namespace headroom::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string answer_body(const std::string& text) {
  return Json{{"choices", {{{"finish_reason", "stop"}, {"message", {{"content", text}}}}}},
              {"usage", {{"prompt_tokens", 40}, {"completion_tokens", 1}}}}
      .dump();
}

void introduce(const HttpRequest& request, Connection& connection) {
  if (request.path == "/v1/models") {
    connection.reply(200, R"({"data":[{"id":"m"}]})");
  } else if (request.path == "/props") {
    connection.reply(200,
                     R"({"total_slots":2,"build_info":"b1","modalities":{"vision":true},)"
                     R"("default_generation_settings":{"n_ctx":2048}})");
  } else {
    connection.reply(404, "{}");
  }
}

/// Answers every question with "red".
void answer_red(const HttpRequest& request, Connection& connection) {
  if (request.method == "POST") {
    connection.reply(200, answer_body("red"));
  } else {
    introduce(request, connection);
  }
}

class Server : public ::testing::Test {
 protected:
  Finished run_headroom(std::vector<std::string> arguments,
                        std::map<std::string, std::string> environment = {}) const {
    return run({std::move(arguments), folder_.path(), std::move(environment), {}, false});
  }

  fs::path only_run() const {
    std::optional<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder_ / "out")) {
      EXPECT_FALSE(found.has_value());
      found = entry.path();
    }
    return found.value_or(fs::path());
  }

  std::map<std::string, Json> answers() const {
    std::map<std::string, Json> all;
    std::ifstream file(only_run() / "answers.jsonl");
    for (std::string line; std::getline(file, line);) {
      Json answer = Json::parse(line);
      const std::string id = answer["id"];
      all.emplace(id, std::move(answer));
    }
    return all;
  }

  TemporaryFolder folder_;
};

/// Whether two spellings of an outcome agree: a refusal is a failure with its own code.
void expect_outcome(const Json& row, const Json& answer) {
  const std::string outcome = row["outcome"];
  const std::string got = answer["outcome"];
  if (outcome == "refused") {
    EXPECT_EQ(answer["error_code"], "E-SERVER-REFUSED") << answer;
  } else {
    EXPECT_TRUE(got == outcome || got == row.value("accept_also", outcome)) << answer;
  }
  if (row.contains("answer")) {
    EXPECT_EQ(answer["answer"], row["answer"]) << answer;
  }
  if (row.contains("flag")) {
    EXPECT_NE(answer.dump().find(row["flag"].get<std::string>()), std::string::npos) << answer;
  }
  for (const std::string word : row.value("message_contains", Json::array())) {
    EXPECT_NE(lower(answer["error"]).find(lower(word)), std::string::npos) << answer;
  }
}

TEST_F(Server, SaysYesAndMeansNo) {
  const fs::path folder = fs::path(HEADROOM_TEST_DATA) / "cases" / "24-http-200-with-error";
  fs::copy(folder / "input", folder_.path(), fs::copy_options::recursive);
  const Json truth = Json::parse(read(folder / "expected.json"));
  std::map<std::string, Json> bodies;
  for (const Json& body : Json::parse(read(folder / "input/bodies.json"))) {
    bodies[body["name"]] = body;
  }
  ScriptedServer server([&](const HttpRequest& request, Connection& connection) {
    std::smatch name;
    if (request.method != "POST") {
      introduce(request, connection);
    } else if (std::regex_search(request.body, name, std::regex("\\[([a-z_0-9]+)\\]"))) {
      const Json& body = bodies.at(name[1]);
      connection.reply(
          body["status"],
          body.contains("body_hex") ? from_hex(body["body_hex"]) : body["body"].get<std::string>(),
          body["content_type"].get<std::string>());
    }
  });
  const Finished finished = run_headroom(
      {"vqa", "-m", server.url("/v1#m"), "-d", "ask.jsonl", "-o", "out", "--retries", "0"});
  EXPECT_EQ(finished.status, truth["exit_code"]) << finished.err;
  const auto got = answers();
  ASSERT_EQ(got.size(), truth["items"].get<std::size_t>()) << finished.err;
  for (const Json& row : truth["rows"]) {
    SCOPED_TRACE(row["id"]);
    expect_outcome(row, got.at(row["id"]));
  }
}

TEST_F(Server, AnswersAndKeepsItsKeyToItself) {
  ScriptedServer server(answer_red);
  const Finished finished = run_headroom(
      {"vqa", "-m", server.url("/v1"), "-d", "easy-vqa", "--limit", "12", "-o", "out", "-vv"},
      {{"HEADROOM_API_KEY", "sekrit-4711"}});
  EXPECT_EQ(finished.status, 0) << finished.err;
  EXPECT_EQ(answers().size(), 12U);
  for (const auto& entry : fs::recursive_directory_iterator(only_run())) {
    if (entry.is_regular_file()) {
      EXPECT_EQ(read(entry.path()).find("sekrit-4711"), std::string::npos) << entry.path();
    }
  }
  EXPECT_EQ((finished.out + finished.err).find("sekrit-4711"), std::string::npos);
  int chats = 0;
  for (const HttpRequest& request : server.requests()) {
    EXPECT_EQ(request.headers.at("authorization"), "Bearer sekrit-4711");
    chats += request.method == "POST" ? 1 : 0;
  }
  EXPECT_EQ(chats, 12);
  const Finished shown = run_headroom({"show", only_run().string()});
  EXPECT_NE(shown.out.find("llama.cpp b1"), std::string::npos) << shown.out;
}

TEST_F(Server, RefusesAnotherModelAndLeavesNoRun) {
  ScriptedServer server(answer_red);
  const Finished finished = run_headroom(
      {"vqa", "-m", server.url("/v1#llava"), "-d", "easy-vqa", "--limit", "2", "-o", "out"});
  EXPECT_EQ(finished.status, 2) << finished.err;
  EXPECT_NE(finished.err.find("E-SERVER-MODEL"), std::string::npos) << finished.err;
  EXPECT_FALSE(fs::exists(folder_ / "out") && !fs::is_empty(folder_ / "out"));
}

TEST_F(Server, SaysThatNobodyIsThere) {
  const Finished finished =
      run_headroom({"vqa",
                    "-m",
                    "http://127.0.0.1:" + std::to_string(unused_port()) + "/v1#m",
                    "-d",
                    "easy-vqa",
                    "--limit",
                    "2",
                    "-o",
                    "out"});
  EXPECT_NE(finished.status, 0);
  EXPECT_NE(finished.err.find("E-SERVER-UNREACHABLE"), std::string::npos) << finished.err;
}

TEST_F(Server, GoesOnWhereItWasStopped) {
  std::atomic<int> asked{0};
  std::atomic<bool> hold{true};
  ScriptedServer server([&](const HttpRequest& request, Connection& connection) {
    if (request.method == "POST" && ++asked > 4 && hold) {
      connection.wait_closed(20s);
      connection.close();
      return;
    }
    answer_red(request, connection);
  });
  Running running(
      {{"vqa", "-m", server.url("/v1#m"), "-d", "easy-vqa", "--limit", "30", "-o", "out"},
       folder_.path(),
       {},
       {},
       false});
  while (asked < 6) {
    std::this_thread::sleep_for(5ms);
  }
  running.signal(SIGINT);
  const Finished stopped = running.wait();
  EXPECT_EQ(stopped.status, 130) << stopped.err;
  hold = false;
  const Finished finished = run_headroom({"resume", only_run().string()});
  EXPECT_EQ(finished.status, 0) << finished.err;
  EXPECT_EQ(answers().size(), 30U);
}

TEST_F(Server, SpreadsAQuestionnaireOverTwo) {
  ScriptedServer first(answer_red);
  ScriptedServer second(answer_red);
  const Finished finished = run_headroom({"vqa",
                                          "-m",
                                          first.url("/v1") + "," + second.url("/v1") + "#m",
                                          "-d",
                                          "easy-vqa",
                                          "--limit",
                                          "40",
                                          "-o",
                                          "out"});
  EXPECT_EQ(finished.status, 0) << finished.err;
  EXPECT_EQ(answers().size(), 40U);
  EXPECT_GT(first.requests().size(), 5U);
  EXPECT_GT(second.requests().size(), 5U);
}

TEST_F(Server, PlansNothingForIt) {
  ScriptedServer server(answer_red);
  const Finished finished = run_headroom(
      {"plan", "-m", server.url("/v1#m"), "-d", "easy-vqa", "--limit", "10", "--memory", "256MiB"});
  EXPECT_EQ(finished.status, 0) << finished.out << finished.err;
}

}  // namespace
}  // namespace headroom::test
