#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/errors.h"
#include "scoring/profile.h"
#include "scoring/scorers.h"
#include "support/jsonl_table.h"

namespace headroom::scoring {
namespace {

const std::filesystem::path kData = HEADROOM_TEST_DATA;

TEST(Legacy, EqualsTheOldToolsArithmeticOnEveryRow) {
  const auto rows = test::read_jsonl_table(kData / "scoring/legacy.jsonl");
  ASSERT_EQ(rows.size(), 43U);
  const auto simple = make_scorer("legacy-simple");
  const auto vqa = make_scorer("legacy-vqa");
  for (const Json& row : rows) {
    const Truth truth{{row["reference"].get<std::string>()}, "", "", "", {}};
    const auto answer = row["answer"].get<std::string>();
    const auto by_simple = simple->score(truth, answer);
    const auto by_vqa = vqa->score(truth, answer);
    EXPECT_EQ(by_simple->value, row["simple"].get<double>()) << row;
    EXPECT_EQ(by_vqa->value, row["vqa"].get<double>()) << row;
    EXPECT_EQ(by_vqa->extracted, row["normalised"]) << row;
  }
}

TEST(Legacy, CountsAsCorrectWhatTheSimpleAccuracyCallsRight) {
  const auto vqa = make_scorer("legacy-vqa");
  const Truth truth{{"red"}, "", "", "", {}};
  EXPECT_EQ(vqa->score(truth, "reddish")->verdict, Verdict::kCorrect);
  EXPECT_EQ(vqa->score(truth, "reddish")->value, 0.5);
  EXPECT_EQ(vqa->score(truth, "blue")->verdict, Verdict::kWrong);
}

TEST(Legacy, ComparesWithTheAnswerThatTheDataChose) {
  Truth truth{{"cat", "dog", "dog"}, "", "", "cat", {}};
  EXPECT_EQ(make_scorer("legacy-vqa")->score(truth, "cat")->value, 1.0);
  truth.chosen.clear();
  EXPECT_EQ(make_scorer("legacy-vqa")->score(truth, "dog")->value, 1.0) << "the commonest";
}

TEST(VqaSimple, IsEqualityAfterTheEvaluatorsNormalisation) {
  const Truth truth{{"2 dogs"}, "", "", "2 dogs", {}};
  EXPECT_EQ(make_scorer("vqa-simple")->score(truth, "The two dogs.")->value, 1.0);
  EXPECT_EQ(make_scorer("vqa-simple")->score(truth, "two dogs here")->value, 0.0);
  EXPECT_FALSE(make_scorer("vqa-simple")->score({}, "two").has_value());
}

TEST(Profile, NamesTheMetricsOfTheData) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(metrics_of("official", "vqa-accuracy"), (Names{"vqa-accuracy", "vqa-simple"}));
  EXPECT_EQ(metrics_of("official", "exact"), Names{"exact"});
  EXPECT_EQ(metrics_of("legacy", "vqa-accuracy"), (Names{"legacy-vqa", "legacy-simple"}));
  EXPECT_EQ(metrics_of("legacy", "exact"), (Names{"legacy-vqa", "legacy-simple"}));
}

TEST(Profile, EveryMetricOfAProfileCanBeScoredAndKnowsItsProfile) {
  for (const std::string& profile : profile_names()) {
    for (const std::string data : {"exact", "vqa-accuracy"}) {
      const auto metrics = metrics_of(profile, data);
      for (const std::string& metric : metrics) {
        EXPECT_EQ(make_scorer(metric)->name(), metric);
        EXPECT_EQ(profile_of(metric), profile);
      }
      EXPECT_EQ(second_metric(metrics.front()), metrics.size() > 1 ? metrics.back() : "");
    }
  }
}

TEST(Profile, AnUnknownOneIsRefusedWithTheNearest) {
  try {
    metrics_of("legasy", "exact");
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_EQ(error.code(), "E-PROFILE");
    EXPECT_NE(std::string(error.what()).find("'legacy'"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace headroom::scoring
