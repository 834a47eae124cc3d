#include "group_progress.h"

#include <gtest/gtest.h>

#include "support/worker_fixture.h"

namespace headroom::backends {

namespace {

using testing::group_of;
using worker::Answer;
using worker::AskRequest;

std::string ids(const AskRequest& request) {
  std::string text;
  for (const worker::AskItem& item : request.items) {
    text += item.id + ' ';
  }
  return text + "batch " + std::to_string(request.limits.batch);
}

Answer answer(const std::string& id) {
  Answer answer;
  answer.group = "g";
  answer.id = id;
  return answer;
}

Death death(Death::Kind kind = Death::Kind::kSignal) { return {kind, 9, "evidence"}; }

TEST(GroupProgress, AsksTheWholeGroupAsItsLimitsSayWhileNothingDies) {
  AskRequest request = group_of("g", 3);
  request.limits.batch = 8;
  GroupProgress progress(request, 3);
  EXPECT_EQ(ids(progress.next()), "q1 q2 q3 batch 8");
  EXPECT_FALSE(progress.careful());
  for (const char* id : {"q3", "q1", "q2"}) {
    EXPECT_TRUE(progress.accept(answer(id)));
  }
  EXPECT_TRUE(progress.done());
}

TEST(GroupProgress, NarrowsDownToTheFirstUnansweredItem) {
  const AskRequest request = group_of("g", 4);
  GroupProgress progress(request, 3);
  EXPECT_TRUE(progress.on_death(death()).empty());
  EXPECT_EQ(ids(progress.next()), "q1 q2 q3 q4 batch 1");
  progress.accept(answer("q1"));
  EXPECT_TRUE(progress.on_death(death()).empty());
  EXPECT_EQ(ids(progress.next()), "q2 batch 1");
  const std::vector<Answer> settled = progress.on_death(death());
  ASSERT_EQ(settled.size(), 1U);
  EXPECT_EQ(settled[0].id, "q2");
  EXPECT_EQ(settled[0].outcome, Outcome::kModel);
  EXPECT_EQ(ids(progress.next()), "q3 q4 batch 1");
}

TEST(GroupProgress, ClearsASuspectThatAnswersAlone) {
  const AskRequest request = group_of("g", 3);
  GroupProgress progress(request, 3);
  progress.on_death(death());
  progress.on_death(death());
  EXPECT_EQ(ids(progress.next()), "q1 batch 1");
  EXPECT_TRUE(progress.accept(answer("q1")));
  EXPECT_EQ(ids(progress.next()), "q2 q3 batch 1");
}

TEST(GroupProgress, CallsItMemoryWhenMostDeathsWereOutOfMemory) {
  for (int out_of_memory = 0; out_of_memory <= 3; ++out_of_memory) {
    const AskRequest request = group_of("g", 1);
    GroupProgress progress(request, 3);
    std::vector<Answer> settled;
    for (int i = 0; i < 3; ++i) {
      settled = progress.on_death(
          death(i < out_of_memory ? Death::Kind::kOutOfMemory : Death::Kind::kExit));
    }
    ASSERT_EQ(settled.size(), 1U);
    EXPECT_EQ(settled[0].outcome, out_of_memory >= 2 ? Outcome::kMemory : Outcome::kModel);
    EXPECT_TRUE(progress.done());
  }
}

TEST(GroupProgress, TakesNoAnswerTwiceAndNoneForOthers) {
  const AskRequest request = group_of("g", 2);
  GroupProgress progress(request, 3);
  EXPECT_TRUE(progress.accept(answer("q1")));
  EXPECT_FALSE(progress.accept(answer("q1")));
  EXPECT_FALSE(progress.accept(answer("q9")));
  Answer foreign = answer("q2");
  foreign.group = "h";
  EXPECT_FALSE(progress.accept(foreign));
  EXPECT_EQ(progress.pending(), 1U);
}

TEST(GroupProgress, FailsOnlyWhatThePartAsked) {
  const AskRequest request = group_of("g", 3);
  GroupProgress progress(request, 3);
  progress.on_death(death());
  progress.on_death(death());
  const std::vector<Answer> settled =
      progress.fail_rest_of(progress.next(), Outcome::kModel, "E-X", "why");
  ASSERT_EQ(settled.size(), 1U);
  EXPECT_EQ(settled[0].id, "q1");
  EXPECT_EQ(progress.pending(), 2U);
}

}  // namespace

}  // namespace headroom::backends
