#include <gtest/gtest.h>

#include "report/exports.h"
#include "report/terminal.h"
#include "run/results.h"

namespace headroom::report {
namespace {

using run::Support;
using scoring::Estimate;
using scoring::Interval;

Estimate estimate(std::size_t count, double mean, double low, double high) {
  return {count, 4, mean, 0.1, Interval{low, high}};
}

run::TurnResults turn(std::uint32_t number, std::optional<Estimate> score) {
  run::TurnResults results;
  results.turn = number;
  results.items = 4;
  results.answered = 4;
  results.score = score;
  results.score_answered = score;
  return results;
}

/// Four pictures of two follow-ups; one text follow-up has no answer.
run::RunResults context_run() {
  run::ContextResults context;
  context.by_facts = true;
  run::ArmResults history{"history", Support::kSupported, turn(0, estimate(8, 0.9, 0.8, 1.0)), {}};
  history.follow_ups.items = history.follow_ups.answered = 8;
  history.follow_ups.consistency = estimate(8, 0.5, 0.4, 0.6);
  history.turns = {turn(2, estimate(4, 1, 0.9, 1.1)), turn(3, estimate(4, 0.8, 0.7, 0.9))};
  run::ArmResults text{"text", Support::kSupported, turn(0, estimate(8, 0.35, 0.2, 0.5)), {}};
  text.follow_ups.items = 8;
  text.follow_ups.answered = 7;
  text.follow_ups.score_answered = estimate(7, 0.4, 0.3, 0.5);
  text.follow_ups.agreement = estimate(7, 0.412, 0.302, 0.512);
  text.turns = {turn(2, estimate(4, 0.5, 0.4, 0.6)), turn(3, estimate(3, 0.25, 0.1, 0.4))};
  run::ArmResults none{"none", Support::kUnsupported, turn(0, estimate(8, 0, 0, 0)), {}};
  context.arms = {history, text, none};
  context.gains = {{"text", 8, 1, estimate(7, 0.55, 0.3, 0.8)}, {"none", 8, 8, std::nullopt}};
  run::RunResults results;
  results.run.spec.test = run::TestKind::kContext;
  results.metric = "turn-facts";
  run::ModelResults& model = results.models.emplace_back();
  model.model.spec.name = "demo";
  model.items = 24;
  model.context = context;
  return results;
}

void expect_holds(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' is not in:\n" << text;
}

TEST(ContextTable, GivesEachShareOfBothDenominators) {
  const std::string text = results_text(context_run(), {});
  expect_holds(text, "8/8  90.0 % [80.0–100.0] of 8  90.0 % of 8");
  expect_holds(text, "7/8   35.0 % [20.0–50.0] of 8  40.0 % of 7");
  expect_holds(text, "turn 2 (of 4)  turn 3 (of 4)");
  expect_holds(text, "25.0 % of 3\n");
}

TEST(ContextTable, NamesTokenF1WithItsDenominatorAndNoPercent) {
  const std::string text = results_text(context_run(), {});
  expect_holds(text, "token F1 with history [95 %]");
  expect_holds(text, "0.412 [0.302–0.512] of 7 answers");
}

TEST(ContextTable, GivesGainsInPointsOrSaysWhyThereIsNone) {
  const std::string text = results_text(context_run(), {});
  expect_holds(
      text,
      "gain     history minus text: +55.0 points [+30.0 to +80.0] over 7 of 8 pairs about 4 "
      "pictures; 1 left out, an answer is missing\n");
  expect_holds(text, "gain     history minus none: unsupported, the model needs a picture\n");
}

TEST(ContextTable, WithoutFactsGainsAreOfTokenF1) {
  run::RunResults results = context_run();
  results.models[0].context->by_facts = false;
  const std::string text = results_text(results, {});
  expect_holds(text, "history minus text: +0.550 token F1 [+0.300 to +0.800] over 7 of 8 pairs");
  expect_holds(text, "agreement with itself, not truth");
  EXPECT_EQ(text.find("turn 2"), std::string::npos) << text;
}

TEST(ContextTable, TheRecordHasBothSharesWithTheirIntervals) {
  const Json context = summary_json(context_run()).at("models").at(0).at("context");
  const Json& text = context.at("arms").at(1).at("follow_ups");
  EXPECT_EQ(text.at("score").at("count"), 8);
  EXPECT_EQ(text.at("score_answered").at("count"), 7);
  const Json& first = context.at("arms").at(0).at("follow_ups").at("score").at("interval");
  EXPECT_EQ(first, Json::array({0.8, 1.0}));
  EXPECT_EQ(context.at("gains").at(0).at("difference").at("interval"), Json::array({0.3, 0.8}));
}

}  // namespace
}  // namespace headroom::report
