#include "report/answer_text.h"

#include <gtest/gtest.h>

#include "run/run_world.h"

namespace headroom::report {
namespace {

using namespace headroom::literals;

run::ItemRecord item() {
  run::ItemRecord record;
  record.item = test::item_of("p0-q0", "p0.png");
  return record;
}

run::AnswerRecord answer() {
  run::AnswerRecord record;
  record.answer.id = "p0-q0";
  record.answer.outcome = Outcome::kAnswered;
  record.answer.text = "a \"red\" one\n";
  record.answer.seconds.decode = 0.25;
  record.answer.after.worker_footprint = 40_MiB;
  return record;
}

run::Progress progress() {
  run::Progress now;
  now.done = 3;
  now.items = 20;
  return now;
}

TEST(AnswerText, HasQuestionAnswerVerdictTimeAndMemory) {
  const scoring::Score score{scoring::Verdict::kWrong, 0.3, "a red one"};
  EXPECT_EQ(
      answer_text(item(), answer(), score, progress()),
      "[3/20] p0-q0 (p0.png): question p0-q0?\n"
      "  \"a \\\"red\\\" one\\n\" · wrong 0.30 of answer to p0-q0 · 0.250 s · worker 40.0 MiB");
}

TEST(AnswerText, SaysHowManyFactsAreTold) {
  scoring::Score score{scoring::Verdict::kWrong, 2.0 / 3.0, "blue, teal"};
  score.facts = scoring::FactCount{2, 3};
  EXPECT_NE(answer_text(item(), answer(), score, progress()).find(" · wrong 2 of 3 facts · "),
            std::string::npos);
}

TEST(AnswerText, SaysWhyThereIsNoAnswer) {
  run::AnswerRecord failed = answer();
  failed.answer.outcome = Outcome::kTimeout;
  failed.answer.error = "after 3 s";
  failed.answer.after = {};
  EXPECT_EQ(answer_text(item(), failed, std::nullopt, progress()),
            "[3/20] p0-q0 (p0.png): question p0-q0?\n"
            "  timeout: after 3 s · not answered · 0.250 s · memory not read");
}

}  // namespace
}  // namespace headroom::report
