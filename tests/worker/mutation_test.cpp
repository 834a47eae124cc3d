#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "base/errors.h"
#include "mutate.h"
#include "pipe_io.h"
#include "rpc.h"
#include "samples.h"
#include "scripted_engine.h"
#include "support/worker_fixture.h"
#include "worker/client.h"
#include "worker/server.h"

namespace headroom::worker {

namespace {

constexpr unsigned kSeed = 20261125;
constexpr int kLines = 2000;

TEST(Mutations, NoneOfTwoThousandRequestsEndsTheServer) {
  testing::Script script(Json::array(), {});
  testing::ScriptedEngine engine(script);
  NullLog log;
  const PipeEnds in = make_pipe();
  const PipeEnds out = make_pipe();
  std::thread reader([&] {
    char bytes[65536];
    while (::read(out.read, bytes, sizeof bytes) > 0) {
    }
  });
  std::thread writer([&] {
    std::mt19937 random(kSeed);
    const std::vector<std::string> samples = testing::sample_request_lines();
    for (int i = 0; i < kLines; ++i) {
      write_all(
          in.write,
          testing::mutated(samples[static_cast<std::size_t>(i) % samples.size()], random) + "\n");
    }
    ::close(in.write);
  });
  EXPECT_EQ(serve(engine, in.read, out.write, log, {.end_grace = Duration(0)}), 0);
  writer.join();
  ::close(out.write);
  reader.join();
  ::close(in.read);
  ::close(out.read);
}

TEST(Mutations, EachOfTwoThousandRepliesIsReadOrRefusedWithATypedError) {
  std::mt19937 random(kSeed);
  const std::vector<std::string> samples = testing::sample_reply_lines();
  int refused = 0;
  for (int i = 0; i < kLines; ++i) {
    const std::string line =
        testing::mutated(samples[static_cast<std::size_t>(i) % samples.size()], random);
    try {
      const Json message = parse_message(line, "reply");
      const Json& body = message.is_object() && message.contains("params")   ? message["params"]
                         : message.is_object() && message.contains("result") ? message["result"]
                                                                             : message;
      for (const auto& read : {+[](const Json& json) { from_json<Answer>(json); },
                               +[](const Json& json) { from_json<Loaded>(json); },
                               +[](const Json& json) { from_json<AskDone>(json); },
                               +[](const Json& json) { from_json<Hello>(json); },
                               +[](const Json& json) { from_json<Verified>(json); }}) {
        try {
          read(body);
        } catch (const InputError&) {
        }
      }
    } catch (const InputError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, kLines / 10);
  EXPECT_LT(refused, kLines);
}

TEST(Mutations, AWorkerThatWritesThemIsLostOrUnderstoodButNeverMore) {
  std::mt19937 random(kSeed);
  const testing::TemporaryFolder folder;
  const std::vector<std::string> samples = testing::sample_reply_lines();
  SystemClock clock;
  NullLog log;
  int lost = 0;
  constexpr int kWorkers = 60;
  for (int worker = 0; worker < kWorkers; ++worker) {
    const std::filesystem::path file = folder.path() / "lines";
    {
      std::ofstream out(file, std::ios::binary);
      for (const std::string& sample : samples) {
        out << testing::mutated(sample, random) << "\n";
      }
    }
    WorkerClient client({"cat", {file.string()}, {}}, clock, log);
    try {
      client.call("hello", Json::object(), {.total = std::chrono::seconds(10)});
    } catch (const WorkerLost&) {
      ++lost;
    } catch (const Error&) {
    }
  }
  EXPECT_GT(lost, 0);
}

}  // namespace

}  // namespace headroom::worker
