#include "http/loop.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "scripted_server.h"

namespace headroom::http {
namespace {

using namespace std::chrono_literals;
using test::Connection;
using test::HttpRequest;
using test::ScriptedServer;

Response get(const std::string& url, Request request = {}) {
  Loop loop;
  request.url = url;
  return *fetch(loop, std::move(request), [] { return false; });
}

TEST(Loop, GivesStatusHeadersAndBody) {
  ScriptedServer server([](const HttpRequest& request, Connection& connection) {
    connection.reply(429,
                     request.method + " " + request.body,
                     "text/plain",
                     "Retry-After: 7\r\nServer: s/1\r\n");
  });
  Request request;
  request.method = "POST";
  request.body = std::string(3'000'000, 'x');
  request.headers = {"Authorization: Bearer k"};
  const Response response = get(server.url("/a?b"), request);
  EXPECT_EQ(response.end, End::kResponse);
  EXPECT_EQ(response.status, 429);
  EXPECT_EQ(response.content_type, "text/plain");
  EXPECT_EQ(response.server, "s/1");
  EXPECT_EQ(response.retry_after, Duration(7s));
  EXPECT_EQ(response.body, "POST " + request.body);
  ASSERT_EQ(server.requests().size(), 1U);
  EXPECT_EQ(server.requests()[0].path, "/a?b");
  EXPECT_EQ(server.requests()[0].headers.at("authorization"), "Bearer k");
  EXPECT_EQ(server.requests()[0].headers.count("expect"), 0U);
}

TEST(Loop, FollowsNoRedirect) {
  ScriptedServer server([](const HttpRequest&, Connection& connection) {
    connection.reply(302, "", "text/plain", "Location: http://elsewhere.invalid/\r\n");
  });
  const Response response = get(server.url("/"));
  EXPECT_EQ(response.status, 302);
  EXPECT_EQ(response.location, "http://elsewhere.invalid/");
}

TEST(Loop, SaysThatNobodyListens) {
  const Response response = get("http://127.0.0.1:" + std::to_string(test::unused_port()) + "/");
  EXPECT_EQ(response.end, End::kUnreachable);
  EXPECT_NE(response.error, "");
}

TEST(Loop, SaysThatThereIsNoSuchHost) {
  EXPECT_EQ(get("http://no-such-host.invalid/").end, End::kUnreachable);
}

TEST(Loop, SaysThatAConnectionBroke) {
  ScriptedServer server([](const HttpRequest& request, Connection& connection) {
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    request.path == "/reset" ? connection.reset() : connection.close();
  });
  EXPECT_EQ(get(server.url("/reset")).end, End::kBroken);
  const Response closed = get(server.url("/close"));
  EXPECT_EQ(closed.end, End::kBroken);
  EXPECT_EQ(closed.status, 200);
  EXPECT_EQ(closed.body, "half");
}

TEST(Loop, StopsADripAtItsTimeout) {
  ScriptedServer server([](const HttpRequest&, Connection& connection) {
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    while (!connection.wait_closed(5ms) && connection.send("x")) {
    }
  });
  Request request;
  request.timeout = 150ms;
  const Response response = get(server.url("/"), request);
  EXPECT_EQ(response.end, End::kTimeout);
  EXPECT_GE(response.took, Duration(140ms));
}

TEST(Loop, ReadsNoMoreThanItIsToldTo) {
  std::atomic<std::size_t> sent{0};
  ScriptedServer server([&](const HttpRequest&, Connection& connection) {
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n");
    const std::string block(1U << 16U, 'x');
    while (sent < (1U << 30U) && connection.send(block)) {
      sent += block.size();
    }
  });
  Request request;
  request.most_bytes = 1U << 20U;
  const Response response = get(server.url("/"), request);
  EXPECT_EQ(response.end, End::kTooLarge);
  EXPECT_LT(response.body.capacity(), 1000U);
  EXPECT_LT(sent, 1U << 26U);  // what the sockets held
}

TEST(Loop, TrustsNobodyUnsigned) {
  ScriptedServer server(
      [](const HttpRequest&, Connection& connection) { connection.reply(200, "{}"); },
      ScriptedServer::Tls::kSelfSigned);
  const Response response = get(server.url("/"));
  EXPECT_EQ(response.end, End::kCertificate);
  EXPECT_NE(response.error.find("certificate"), std::string::npos) << response.error;
  EXPECT_TRUE(server.requests().empty());
}

TEST(Loop, SaysThatItIsNotHttp) {
  ScriptedServer server([](const HttpRequest&, Connection& connection) {
    connection.send("220 mail.example ESMTP\r\n");
    connection.close();
  });
  EXPECT_EQ(get(server.url("/")).end, End::kNotHttp);
}

TEST(Loop, KeepsConnections) {
  ScriptedServer server(
      [](const HttpRequest&, Connection& connection) { connection.reply(200, "{}"); });
  Loop loop;
  int done = 0;
  for (int i = 0; i < 3; ++i) {
    Request request;
    request.url = server.url("/");
    const auto response = fetch(loop, request, [] { return false; });
    done += response->status == 200 ? 1 : 0;
  }
  EXPECT_EQ(done, 3);
  EXPECT_EQ(server.connections(), 1U);
}

TEST(Loop, ClosesWhatIsDropped) {
  std::promise<bool> closed;
  ScriptedServer server([&](const HttpRequest&, Connection& connection) {
    closed.set_value(connection.wait_closed(10s));
    connection.close();
  });
  Loop loop;
  bool called = false;
  Request request;
  request.url = server.url("/");
  loop.start(request, [&](Response&&) { called = true; });
  while (server.requests().empty()) {
    loop.run(5ms);
  }
  loop.drop_all();
  EXPECT_TRUE(closed.get_future().get());
  EXPECT_EQ(loop.running(), 0U);
  EXPECT_FALSE(called);
}

TEST(Loop, IsWokenFromAnotherThread) {
  Loop loop;
  const auto start = std::chrono::steady_clock::now();
  loop.wake();
  loop.run(30s);
  std::thread waker([&] { loop.wake(); });
  loop.run(30s);
  waker.join();
  EXPECT_LT(std::chrono::steady_clock::now() - start, 20s);
}

}  // namespace
}  // namespace headroom::http
