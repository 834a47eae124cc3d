#include <gtest/gtest.h>

#include "base/errors.h"
#include "scoring/scorers.h"

namespace headroom::scoring {
namespace {

bool is_right(const std::string& answer, const std::string& reference) {
  return make_scorer("exact")->score(Truth{{reference}, "", ""}, answer)->value == 1;
}

TEST(Exact, IgnoresCaseWhiteSpaceAndOneFullStop) {
  EXPECT_TRUE(is_right(" Red.\n", "red"));
  EXPECT_TRUE(is_right("red", "RED."));
  EXPECT_TRUE(is_right("3.", "3"));
  EXPECT_TRUE(is_right("red .", "red"));
}

TEST(Exact, IgnoresCaseAndNormalFormBeyondAscii) {
  EXPECT_TRUE(is_right("\u00c4PFEL", "\u00e4pfel"));
  EXPECT_TRUE(is_right("a\u0308pfel", "\u00e4pfel"));
  EXPECT_TRUE(is_right("Stra\u00dfe", "STRASSE"));
}

TEST(Exact, IsNotContainment) {
  EXPECT_FALSE(is_right("red triangle", "red"));
  EXPECT_FALSE(is_right("another", "no"));
  EXPECT_FALSE(is_right("", "red"));
  EXPECT_FALSE(is_right("red..", "red"));
  EXPECT_FALSE(is_right("red!", "red"));
}

TEST(Exact, TakesAnyOfSeveralReferences) {
  const auto scorer = make_scorer("exact");
  const Truth truth{{"grey", "gray"}, "", ""};
  EXPECT_EQ(scorer->score(truth, "Gray")->verdict, Verdict::kCorrect);
  EXPECT_EQ(scorer->score(truth, "black")->verdict, Verdict::kWrong);
  EXPECT_EQ(scorer->score(truth, " Gray. ")->extracted, "gray");
}

TEST(Exact, DoesNotScoreWithoutReferences) {
  EXPECT_FALSE(make_scorer("exact")->score(Truth{}, "red").has_value());
}

TEST(Scorers, AreMadeByTheirNames) {
  for (const std::string& name : scorer_names()) {
    EXPECT_EQ(make_scorer(name)->name(), name);
  }
}

TEST(Scorers, RefuseAnUnknownNameWithTheNearest) {
  try {
    make_scorer("vqa_acuracy");
    FAIL() << "an unknown metric was accepted";
  } catch (const UsageError& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("vqa_acuracy"), std::string::npos);
    EXPECT_NE(message.find("did you mean 'vqa-accuracy'"), std::string::npos);
    EXPECT_NE(message.find("exact"), std::string::npos);
  }
}

}  // namespace
}  // namespace headroom::scoring
