#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/files.h"
#include "base/json.h"
#include "scoring/scorers.h"
#include "scoring/vqa_normalise.h"
#include "support/jsonl_table.h"

namespace headroom::scoring {
namespace {

const std::filesystem::path kData = HEADROOM_TEST_DATA;

Truth references(std::vector<std::string> texts) { return {std::move(texts), "", ""}; }

double vqa_value(const std::string& answer, const std::vector<std::string>& texts) {
  return make_scorer("vqa-accuracy")->score(references(texts), answer).value().value;
}

TEST(VqaNormalise, EqualsTheOfficialEvaluatorOnEveryRow) {
  const auto rows = test::read_jsonl_table(kData / "scoring/vqa_normalise.jsonl");
  ASSERT_EQ(rows.size(), 630U);
  for (const Json& row : rows) {
    EXPECT_EQ(vqa_normalise(row["text"].get<std::string>()), row["normalised"]) << row;
  }
}

TEST(VqaNormalise, TreatsPunctuationAsTheOfficialEvaluator) {
  for (const Json& row : test::read_jsonl_table(kData / "scoring/vqa_normalise.jsonl")) {
    EXPECT_EQ(process_punctuation(row["text"].get<std::string>()), row["punctuation"]) << row;
  }
}

TEST(VqaNormalise, KeepsBytesThatAreNotUtf8) {
  EXPECT_EQ(vqa_normalise("RED \xff\xfe."), "red \xff\xfe");
  EXPECT_EQ(vqa_normalise("\xe2\x80"), "\xe2\x80");
}

TEST(VqaAccuracy, EqualsTheOfficialEvaluatorOnEveryRow) {
  const auto rows = test::read_jsonl_table(kData / "scoring/vqa_accuracy.jsonl");
  ASSERT_EQ(rows.size(), 420U);
  const auto scorer = make_scorer("vqa-accuracy");
  for (const Json& row : rows) {
    const auto score =
        scorer->score(references(row["references"]), row["prediction"].get<std::string>());
    ASSERT_TRUE(score.has_value());
    EXPECT_NEAR(score->value, row["value"].get<double>(), 1e-12) << row;
    EXPECT_EQ(score->extracted, row["extracted"]) << row;
  }
}

TEST(VqaAccuracy, ComparesRawWhenAllTenAgree) {
  const Json expected =
      parse_json(read_file(kData / "cases/17-ten-equal-answers/expected.json"), "expected.json");
  double sum = 0;
  for (const Json& row : expected["rows"]) {
    const double value = vqa_value(row["prediction"], row["references"]);
    EXPECT_NEAR(value, row["official"].get<double>(), 1e-12) << row;
    sum += value;
  }
  EXPECT_NEAR(sum / static_cast<double>(expected["rows"].size()),
              expected["totals"]["official"].get<double>(),
              1e-12);
}

TEST(VqaAccuracy, GivesTheExactTenths) {
  const std::vector<double> by_matches = {0, 0.3, 0.6, 0.9, 1, 1, 1, 1, 1, 1};
  for (std::size_t matches = 0; matches < by_matches.size(); ++matches) {
    std::vector<std::string> texts(10, "no");
    std::fill_n(texts.begin(), matches, "yes");
    EXPECT_EQ(vqa_value("yes", texts), by_matches[matches]) << matches;
  }
}

TEST(VqaAccuracy, TakesASingleReferenceAsEquality) {
  EXPECT_EQ(vqa_value("Two.", {"2"}), 1);
  EXPECT_EQ(vqa_value("three", {"2"}), 0);
}

TEST(VqaAccuracy, CallsTwoAnnotatorsCorrectAndOneWrong) {
  const auto scorer = make_scorer("vqa-accuracy");
  const Truth truth =
      references({"red", "blue", "blue", "a", "b", "c", "green", "green", "green", "green"});
  EXPECT_EQ(scorer->score(truth, "blue")->verdict, Verdict::kCorrect);
  EXPECT_EQ(scorer->score(truth, "red")->verdict, Verdict::kWrong);
  EXPECT_EQ(scorer->score(truth, "red")->value, 0.3);
}

TEST(VqaAccuracy, DoesNotScoreWithoutReferences) {
  EXPECT_FALSE(make_scorer("vqa-accuracy")->score(references({}), "yes").has_value());
}

}  // namespace
}  // namespace headroom::scoring
