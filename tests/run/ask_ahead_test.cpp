#include <gtest/gtest.h>

#include "run_world.h"

namespace headroom::run {
namespace {

using test::dataset_of;
using test::items_of;
using test::RunWorld;

/// Takes groups ahead, and notes which when.
class Server final : public test::FakeBackend {
 public:
  explicit Server(std::size_t ahead) : ahead_(ahead) {}

  std::size_t room = 1000;         ///< how many it takes in all
  std::vector<std::string> calls;  ///< "ahead 1", "ask 0"

  std::size_t groups_ahead() const override { return ahead_; }

  bool ask_ahead(const worker::AskRequest& request) override {
    if (room == 0) {
      return false;
    }
    --room;
    EXPECT_FALSE(request.items.empty());
    EXPECT_GT(request.limits.deadline_seconds, 0);
    calls.push_back("ahead " + request.group);
    return true;
  }

  worker::AskDone ask(const worker::AskRequest& request,
                      const std::function<void(worker::Answer&&)>& sink) override {
    calls.push_back("ask " + request.group);
    return FakeBackend::ask(request, sink);
  }

 private:
  std::size_t ahead_;
};

TEST(AskAhead, HandsOverEachGroupOnceAsFarAheadAsTheEngineTakes) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(items_of(5, 2)));
  Server server(2);
  const ModelEnd end = world.ask(journal, server);
  EXPECT_EQ(end.answered, 10U);
  EXPECT_EQ(server.calls,
            (std::vector<std::string>{"ahead 1",
                                      "ahead 2",
                                      "ask 0",
                                      "ahead 3",
                                      "ask 1",
                                      "ahead 4",
                                      "ask 2",
                                      "ask 3",
                                      "ask 4"}));
}

TEST(AskAhead, AsksWhatWasNotTakenWhenItsTurnHasCome) {
  RunWorld world;
  Journal journal = world.begin(dataset_of(items_of(3, 1)));
  Server server(2);
  server.room = 0;
  EXPECT_EQ(world.ask(journal, server).answered, 3U);
  EXPECT_EQ(server.calls, (std::vector<std::string>{"ask 0", "ask 1", "ask 2"}));
}

TEST(AskAhead, LeavesWhatNeedsEarlierAnswersForItsTurn) {
  std::vector<datasets::Item> items = items_of(3, 1);
  items[1].conversation = {items[0].conversation[0],
                           {"assistant", {Part::of_answer(items[0].id)}},
                           {"user", {Part::of_text("Sure?")}}};
  RunWorld world;
  Journal journal = world.begin(dataset_of(items));
  Server server(2);
  EXPECT_EQ(world.ask(journal, server).answered, 3U);
  EXPECT_EQ(server.calls, (std::vector<std::string>{"ahead 2", "ask 0", "ask 1", "ask 2"}));
}

}  // namespace
}  // namespace headroom::run
