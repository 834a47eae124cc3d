#include <gtest/gtest.h>

#include "report/exports.h"
#include "report/terminal.h"
#include "run/results.h"

namespace headroom::report {
namespace {

/// Models' scores of the same questions, one about each picture.
run::RunResults results_of(const std::vector<std::vector<double>>& scores) {
  run::RunResults results;
  results.metric = "exact";
  for (std::size_t number = 0; number < scores.size(); ++number) {
    run::ModelResults& model = results.models.emplace_back();
    model.model.spec.name = std::string(1, static_cast<char>('a' + number));
    scoring::ClusteredMean mean;
    for (std::size_t question = 0; question < scores[number].size(); ++question) {
      mean.add(scores[number][question], std::to_string(question));
    }
    model.accuracy = mean.estimate();
  }
  run::Best best;
  for (std::uint32_t other = 1; other < scores.size(); ++other) {
    scoring::PairedComparison paired;
    for (std::size_t question = 0; question < scores[0].size(); ++question) {
      const double first = scores[0][question];
      const double second = scores[other][question];
      paired.add(first, first == 1, second, second == 1, std::to_string(question));
    }
    best.others.push_back({other, paired.result().value()});
  }
  results.best = best;
  return results;
}

void expect_holds(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' is not in:\n" << text;
}

std::vector<double> right_on(std::size_t right, std::size_t questions) {
  std::vector<double> scores(questions, 0);
  std::fill_n(scores.begin(), right, 1.0);
  return scores;
}

TEST(ComparisonText, TellsModelsApartByAVerySmallPValueWithoutCallingItZero) {
  const std::string text = results_text(results_of({right_on(99, 100), right_on(1, 100)}), {});
  expect_holds(text, "told apart (paired t test clustered by picture, p < 0.001)\n");
  EXPECT_EQ(text.find("p = 0.000"), std::string::npos) << text;
}

TEST(ComparisonText, OfModelsThatAlwaysDifferNamesTheTestThatCanBeMade) {
  expect_holds(results_text(results_of({right_on(3, 3), right_on(0, 3)}), {}),
               "against b: +100.0 points [-12.3 to +100.0] of 3 questions about 3 pictures\n"
               "    not told apart (sign test on pictures, p = 0.250); "
               "every picture differs by the same amount\n");
  expect_holds(results_text(results_of({right_on(12, 12), right_on(0, 12)}), {}),
               "\n    told apart (sign test on pictures, p < 0.001)");
}

TEST(ComparisonText, OfModelsThatNeverDifferDoesNotInventANumberOfQuestions) {
  const std::string text = results_text(results_of({right_on(5, 9), right_on(5, 9)}), {});
  expect_holds(text, "not told apart (sign test on pictures, p = 1.000); no score differs");
  expect_holds(text, "best     a (first of equals)");
}

TEST(ComparisonText, CorrectsForTheNumberOfComparisons) {
  const run::RunResults two = results_of({right_on(20, 40), right_on(15, 40)});
  const run::RunResults three = results_of({right_on(20, 40), right_on(15, 40), right_on(14, 40)});
  const Json alone = summary_json(two).at("best").at("against").at(0);
  EXPECT_EQ(alone.at("p_value"), alone.at("p_value_holm"));
  EXPECT_LT(alone.at("p_value").get<double>(), 0.05);
  const Json others = summary_json(three).at("best").at("against");
  const double smaller = others.at(1).at("p_value").get<double>();
  EXPECT_DOUBLE_EQ(others.at(1).at("p_value_holm").get<double>(), 2 * smaller);
  EXPECT_GE(others.at(0).at("p_value_holm").get<double>(), 2 * smaller);
  expect_holds(results_text(three, {}),
               "clustered by picture, Holm's correction for 2 comparisons, p = ");
}

TEST(ComparisonText, GivesATypesShareOfAllAskedAndOfTheAnswered) {
  run::RunResults results = results_of({right_on(3, 4), right_on(1, 4)});
  scoring::Estimate asked = *results.models[0].accuracy;
  asked.interval.reset();
  scoring::Estimate answered = asked;
  answered.count = 3;
  answered.mean = 1;
  results.models[0].by_answer_type = {{"yes/no", {asked, answered}}};
  results.models[1].by_answer_type = {{"yes/no", {asked, asked}}};
  expect_holds(results_text(results, {}), "75.0 % of 4, 100.0 % of 3 answered  75.0 % of 4\n");
  const Json type = summary_json(results).at("models").at(0).at("by_answer_type").at("yes/no");
  EXPECT_EQ(type.at("count"), 4);
  EXPECT_EQ(type.at("answered"), 3);
  EXPECT_EQ(type.at("accuracy_answered"), 1.0);
}

TEST(ComparisonText, SaysWhenTheQuestionsAskedAreEnough) {
  std::vector<double> almost = right_on(500, 1000);
  almost[0] = 0;
  almost[999] = 1;
  expect_holds(results_text(results_of({right_on(500, 1000), almost}), {}),
               "p = 1.000); 1,000 questions tell 5 points, less than that needs more");
}

}  // namespace
}  // namespace headroom::report
