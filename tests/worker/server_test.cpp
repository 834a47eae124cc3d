#include "worker/server.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <map>
#include <thread>

#include "base/errors.h"
#include "line_buffer.h"
#include "pipe_io.h"
#include "rpc.h"
#include "samples.h"
#include "scripted_engine.h"
#include "support/worker_fixture.h"

namespace headroom::worker {

namespace {

using testing::group_of;
using testing::TemporaryFolder;

/// A server on pipes, on a thread of its own, with the scripted engine behind it.
class Served {
 public:
  explicit Served(Json script = Json::array())
      : script_(script, {}), engine_(script_), in_(make_pipe()), out_(make_pipe()) {
    thread_ = std::thread([this] {
      status_ = serve(engine_, in_.read, out_.write, log_, {.end_grace = Duration(0)});
    });
  }

  ~Served() {
    end_input();
    if (thread_.joinable()) {
      thread_.join();
    }
    ::close(in_.read);
    ::close(out_.write);
    ::close(out_.read);
  }

  void send(const std::string& bytes) { ASSERT_TRUE(write_all(in_.write, bytes)); }

  void end_input() {
    if (in_.write >= 0) {
      ::close(std::exchange(in_.write, -1));
    }
  }

  void close_output() { ::close(std::exchange(out_.read, -1)); }

  /// The next message out; null after 10 s without one.
  Json next() {
    while (true) {
      if (const auto line = lines_.next()) {
        return parse_json(line->text, "server");
      }
      pollfd readable{out_.read, POLLIN, 0};
      if (::poll(&readable, 1, 10'000) != 1) {
        return {};
      }
      char bytes[4096];
      const ssize_t got = ::read(out_.read, bytes, sizeof bytes);
      if (got <= 0) {
        return {};
      }
      lines_.append(std::string_view(bytes, static_cast<std::size_t>(got)));
    }
  }

  /// The response to this request; other responses are kept, notifications passed over.
  Json response(int id) {
    while (!kept_.contains(id)) {
      const Json message = next();
      if (message.is_null()) {
        return {};
      }
      if (message.contains("id") && message["id"].is_number_integer()) {
        kept_[message["id"].get<int>()] = message;
      }
    }
    return kept_[id];
  }

  Json call(int id, std::string_view method, Json params) {
    send(request_line(id, method, std::move(params)));
    return response(id);
  }

  void load() { ASSERT_TRUE(call(1000, "load", {{"model", "/"}}).contains("result")); }

  int wait() {
    thread_.join();
    return status_;
  }

 private:
  NullLog log_;
  testing::Script script_;
  testing::ScriptedEngine engine_;
  PipeEnds in_;
  PipeEnds out_;
  LineBuffer lines_;
  std::map<int, Json> kept_;
  int status_ = -1;
  std::thread thread_;
};

Json rules(Json rule) { return Json::array({std::move(rule)}); }

TEST(Server, AnswersEachMethod) {
  Served served;
  EXPECT_EQ(served.call(1, "hello", Json::object())["result"]["engine"], "scripted");
  EXPECT_EQ(served.call(2, "plan", {{"model", "/"}})["result"]["family"], "scripted");
  EXPECT_EQ(served.call(3, "load", {{"model", "/"}})["result"]["family"], "scripted");
  EXPECT_TRUE(served.call(4, "reading", Json::object())["result"].contains("active_bytes"));
  EXPECT_TRUE(served.call(5, "clean", Json::object())["result"].contains("after"));
  EXPECT_TRUE(served.call(6, "verify", {{"golden", "/"}})["result"].contains("tokens"));
  EXPECT_TRUE(served.call(7, "prepare", to_json(group_of("g", 1))).contains("result"));
  EXPECT_EQ(served.call(8, "cancel", Json::object())["result"]["cancelled"], 0);
  EXPECT_TRUE(served.call(9, "unload", Json::object())["result"].contains("before"));
}

TEST(Server, GivesEachAnswerBeforeTheResponse) {
  Served served;
  served.load();
  served.send(request_line(5, "ask", to_json(group_of("g", 2))));
  for (const char* id : {"q1", "q2"}) {
    const Json message = served.next();
    EXPECT_EQ(message["method"], "answer");
    EXPECT_EQ(message["params"]["id"], id);
  }
  const Json done = served.next();
  EXPECT_EQ(done["id"], 5);
  EXPECT_EQ(done["result"]["answered"], 2);
}

TEST(Server, AnswersAnIdAsItCameWhateverItsType) {
  Served served;
  served.send(R"({"jsonrpc":"2.0","id":"seven","method":"hello"})"
              "\n");
  EXPECT_EQ(served.next()["id"], "seven");
}

TEST(Server, RefusesWhatItCannotReadAndGoesOn) {
  struct Case {
    const char* line;
    int code;
  };

  const Case cases[] = {
      {"this is no JSON", -32700},
      {"{\"id\":1,", -32700},
      {"[1,2]", -32600},
      {"7", -32600},
      {"{}", -32600},
      {"{\"id\":1,\"method\":7}", -32600},
      {"{\"id\":[1],\"method\":\"hello\"}", -32600},
      {"{\"id\":1,\"method\":\"dance\"}", -32601},
      {"{\"id\":1,\"method\":\"load\"}", -32602},
      {"{\"id\":1,\"method\":\"load\",\"params\":{\"model\":5}}", -32602},
      {"{\"id\":1,\"method\":\"ask\",\"params\":[]}", -32602},
      {"{\"id\":1,\"method\":\"clean\",\"params\":{\"level\":\"deep\"}}", -32602},
      {"{\"id\":1,\"method\":\"ask\",\"params\":{\"group\":\"g\"}}", -32000},
  };
  Served served;
  for (const Case& one : cases) {
    served.send(std::string(one.line) + "\n");
    const Json message = served.next();
    EXPECT_EQ(message["error"]["code"], one.code) << one.line << " gave " << message;
    EXPECT_TRUE(message["error"]["data"].contains("kind")) << message;
  }
  EXPECT_TRUE(served.call(9, "hello", Json::object()).contains("result"));
}

TEST(Server, RefusesDeepNestingWithoutBuildingIt) {
  Served served;
  served.send(std::string(1 << 20, '[') + "\n");
  EXPECT_EQ(served.next()["error"]["code"], -32700);
}

TEST(Server, RefusesALineBeyondTheLimitAndGoesOn) {
  Served served;
  const std::string chunk(1 << 20, ' ');
  for (std::size_t sent = 0; sent <= kMaxLine; sent += chunk.size()) {
    served.send(chunk);
  }
  served.send("\n");
  const Json message = served.next();
  EXPECT_EQ(message["error"]["code"], -32700);
  EXPECT_TRUE(message["id"].is_null());
  EXPECT_TRUE(served.call(9, "hello", Json::object()).contains("result"));
}

TEST(Server, TranslatesWhatTheEngineThrows) {
  struct Case {
    Json rule;
    const char* kind;
    const char* code;
  };

  const Case cases[] = {
      {{{"do", "error"}, {"kind", "usage"}, {"code", "E-X"}}, "usage", "E-X"},
      {{{"do", "error"}, {"kind", "budget"}, {"code", "E-MEM"}}, "budget", "E-MEM"},
      {{{"do", "bad_alloc"}}, "budget", "E-MEM-ALLOC"},
      {{{"do", "foreign"}}, "backend", "E-ENGINE"},
  };
  for (Case one : cases) {
    one.rule["at"] = "clean";
    Served served(rules(one.rule));
    const Json error = served.call(1, "clean", Json::object())["error"];
    EXPECT_EQ(error["code"], -32000);
    EXPECT_EQ(error["data"]["kind"], one.kind);
    EXPECT_EQ(error["data"]["code"], one.code);
  }
}

TEST(Server, CancelActsWhileAnAskRuns) {
  Served served(rules({{"at", "before"}, {"item", "q2"}, {"do", "wait_cancel"}}));
  served.load();
  served.send(request_line(5, "ask", to_json(group_of("g", 3))));
  EXPECT_EQ(served.next()["params"]["id"], "q1");
  served.send(request_line(6, "cancel", {{"group", "g"}}));
  EXPECT_EQ(served.response(6)["result"]["cancelled"], 1);
  EXPECT_EQ(served.response(5)["error"]["data"]["kind"], "cancelled");
  EXPECT_TRUE(served.call(7, "reading", Json::object()).contains("result"));
}

TEST(Server, CancelOfAnotherGroupLeavesTheAskAlone) {
  Served served(rules({{"at", "before"}, {"item", "q1"}, {"do", "delay"}, {"ms", 30}}));
  served.load();
  served.send(request_line(5, "ask", to_json(group_of("g", 2))) +
              request_line(6, "cancel", {{"group", "h"}}));
  EXPECT_EQ(served.response(6)["result"]["cancelled"], 0);
  EXPECT_EQ(served.response(5)["result"]["answered"], 2);
}

TEST(Server, CancelReachesAnAskThatWaits) {
  Served served(rules({{"at", "before"}, {"item", "q1"}, {"do", "delay"}, {"ms", 100}}));
  served.load();
  served.send(request_line(5, "ask", to_json(group_of("g", 2))) +
              request_line(6, "ask", to_json(group_of("h", 2))) +
              notification_line("cancel", {{"group", "h"}}));
  EXPECT_EQ(served.response(5)["result"]["answered"], 2);
  EXPECT_EQ(served.response(6)["error"]["data"]["kind"], "cancelled");
}

TEST(Server, TheEndOfInputCancelsAndEnds) {
  Served served(rules({{"at", "before"}, {"item", "q2"}, {"do", "wait_cancel"}}));
  served.load();
  served.send(request_line(5, "ask", to_json(group_of("g", 3))));
  EXPECT_EQ(served.next()["params"]["id"], "q1");
  served.end_input();
  EXPECT_EQ(served.wait(), 0);
}

TEST(Server, StillAnswersWhatCameBeforeTheEndOfInput) {
  Served served;
  served.send(request_line(1, "hello", Json::object()));
  served.end_input();
  EXPECT_TRUE(served.response(1).contains("result"));
  EXPECT_EQ(served.wait(), 0);
}

TEST(Server, TheEndOfOutputCancelsAndEnds) {
  Served served(rules({{"at", "before"}, {"item", "q2"}, {"do", "delay"}, {"ms", 60000}}));
  served.load();
  served.send(request_line(5, "ask", to_json(group_of("g", 3))));
  EXPECT_EQ(served.next()["params"]["id"], "q1");
  served.close_output();
  served.send(request_line(6, "cancel", {{"group", "another"}}));
  EXPECT_EQ(served.wait(), 0);
}

}  // namespace

}  // namespace headroom::worker
