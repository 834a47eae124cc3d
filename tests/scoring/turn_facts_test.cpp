#include <gtest/gtest.h>

#include <filesystem>

#include "scoring/description.h"
#include "scoring/fact_words.h"
#include "scoring/scorers.h"
#include "support/jsonl_table.h"

namespace headroom::scoring {
namespace {

struct Telling {
  const char* answer;
  const char* fact;
  bool told;
};

class Tells : public ::testing::TestWithParam<Telling> {};

TEST_P(Tells, WordsSideBySide) {
  const Telling& row = GetParam();
  EXPECT_EQ(tells(row.answer, row.fact), row.told);
}

INSTANTIATE_TEST_SUITE_P(
    Facts,
    Tells,
    ::testing::Values(Telling{"A blue triangle in the top left.", "blue triangle", true},
                      Telling{"A triangle, blue.", "blue triangle", false},
                      Telling{"The triangle is blue.", "blue triangle", true},
                      Telling{"A circle. Blue triangles", "circle blue", false},
                      Telling{"a blue circle and a red triangle", "blue triangle", false},
                      Telling{"Two BLUE triangles", "blue triangle", true},
                      Telling{"two boxes", "box", true},
                      Telling{"a blueish wall", "blue", false},
                      Telling{"grey and black", "gray", true},
                      Telling{"there are three shapes", "3", true},
                      Telling{"blue-green", "blue", true},
                      Telling{"", "blue", false},
                      Telling{"blue", "", false},
                      Telling{"der große Hund", "große hund", true}));

struct Saying {
  const char* answer;
  std::optional<bool> people;
};

class People : public ::testing::TestWithParam<Saying> {};

TEST_P(People, ByTheWordsOfTheAnswer) {
  EXPECT_EQ(tells_people(GetParam().answer), GetParam().people) << GetParam().answer;
}

INSTANTIATE_TEST_SUITE_P(Facts,
                         People,
                         ::testing::Values(Saying{"No, there were no people in the image.", false},
                                           Saying{"Yes.", true},
                                           Saying{"Yes, a man who does not wear a hat.", true},
                                           Saying{"There were not any people.", false},
                                           Saying{"I cannot see an image.", std::nullopt},
                                           Saying{"The image is not clear.", std::nullopt},
                                           Saying{"None.", false},
                                           Saying{"There is a scene without persons", false},
                                           Saying{"I can't see anybody.", false},
                                           Saying{"Nobody is visible", false},
                                           Saying{"Two women in red coats", true},
                                           Saying{"A blue triangle", std::nullopt},
                                           Saying{"A man in a coat; the dog has no leash.", true},
                                           Saying{"A man does not smile", true},
                                           Saying{"There is a man. Nobody else is seen.", true},
                                           Saying{"I see no dog, but two people.", true},
                                           Saying{"I see a dog but no people.", false},
                                           Saying{"No one is visible", false},
                                           Saying{"People are not visible.", false},
                                           Saying{"Zero people", false},
                                           Saying{"No image was given.", std::nullopt},
                                           Saying{"No there are none", false},
                                           Saying{"I cannot tell if people are there",
                                                  std::nullopt},
                                           Saying{"It isn\u2019t a person", false},
                                           Saying{"", std::nullopt}));

const std::filesystem::path kData = std::filesystem::path(HEADROOM_TEST_DATA) / "scoring";

std::string name_of(const testing::TestParamInfo<Json>& info) {
  return info.param["name"].get<std::string>();
}

/// Both metrics of facts have one rule.
class Denial : public ::testing::TestWithParam<Json> {};

TEST_P(Denial, HoldsForItsClauseInBothMetrics) {
  const auto text = GetParam()["text"].get<std::string>();
  const bool told = GetParam()["told"].get<bool>();
  EXPECT_EQ(tells(text, "blue triangle"), told) << text;
  EXPECT_EQ(recall_facts({{"triangle", "blue", ""}}, text).told, told ? 1U : 0U) << text;
}

INSTANTIATE_TEST_SUITE_P(Table,
                         Denial,
                         testing::ValuesIn(test::read_jsonl_table(kData / "denials.jsonl")),
                         name_of);

TEST(TokenF1, IsTheHarmonicMeanOfPrecisionAndRecallOfWords) {
  EXPECT_DOUBLE_EQ(token_f1("a blue circle", "A blue circle."), 1.0);
  EXPECT_DOUBLE_EQ(token_f1("blue circle", "red square"), 0.0);
  // 2 of 3 and 2 of 4 words: 2 * (2/3 * 2/4) / (2/3 + 2/4).
  EXPECT_DOUBLE_EQ(token_f1("the blue circle", "a small blue circle"), 4.0 / 7.0);
  // A word counts as often as both have it.
  EXPECT_DOUBLE_EQ(token_f1("blue blue blue", "blue"), 0.5);
  EXPECT_DOUBLE_EQ(token_f1("", ""), 1.0);
  EXPECT_DOUBLE_EQ(token_f1("", "blue"), 0.0);
}

TEST(TurnFactsScorer, IsTheShareOfTheReferencesThatAreTold) {
  const auto scorer = make_scorer("turn-facts");
  const Truth truth{{"black", "teal", "blue", "red"}, "", "colors", {}, {}};
  const std::optional<Score> score = scorer->score(truth, "Black, teal and blue.");
  ASSERT_TRUE(score);
  EXPECT_DOUBLE_EQ(score->value, 0.75);
  EXPECT_EQ(score->verdict, Verdict::kWrong);
  EXPECT_EQ(score->extracted, "black, teal, blue");
  ASSERT_TRUE(score->facts.has_value());
  EXPECT_EQ(score->facts->told, 3U);
  EXPECT_EQ(score->facts->facts, 4U);
  EXPECT_EQ(scorer->score(truth, "black teal blue red")->verdict, Verdict::kCorrect);
}

TEST(TurnFactsScorer, OfPeopleIsRightOrWrongOrUnparsed) {
  const auto scorer = make_scorer("turn-facts");
  const Truth truth{{"no"}, "", "people", {}, {}};
  EXPECT_EQ(scorer->score(truth, "No, there were none.")->verdict, Verdict::kCorrect);
  EXPECT_EQ(scorer->score(truth, "Yes, a woman")->verdict, Verdict::kWrong);
  EXPECT_EQ(scorer->score(truth, "A red circle")->verdict, Verdict::kUnparsed);
}

TEST(TurnFactsScorer, OfItemsThatAreAlikeWantsAMentionOfEach) {
  const auto scorer = make_scorer("turn-facts");
  const Truth truth{{"gray triangle", "gray triangle", "gray circle"},
                    "",
                    "summary",
                    {},
                    {{"triangle", "gray", "top left"},
                     {"triangle", "gray", "top right"},
                     {"circle", "gray", "bottom right"}}};
  EXPECT_DOUBLE_EQ(scorer->score(truth, "A gray triangle and a gray circle.")->value, 2.0 / 3.0);
  EXPECT_EQ(scorer->score(truth, "Two gray triangles and a gray circle.")->verdict,
            Verdict::kCorrect);
  EXPECT_EQ(scorer->score(truth, "A gray triangle, a gray triangle and a gray circle.")->verdict,
            Verdict::kCorrect);
}

TEST(TurnFactsScorer, OfASentenceIsItsTokenF1) {
  const auto scorer = make_scorer("turn-facts");
  const Truth truth{{"a small blue circle"}, "", "sentence", {}, {}};
  EXPECT_DOUBLE_EQ(scorer->score(truth, "the blue circle")->value, 4.0 / 7.0);
}

TEST(TurnFactsScorer, HasNoScoreWithoutFacts) {
  EXPECT_FALSE(make_scorer("turn-facts")->score(Truth{}, "blue"));
}

}  // namespace
}  // namespace headroom::scoring
