#include "scoring/description.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "../support/jsonl_table.h"
#include "scoring/scorers.h"

namespace headroom::scoring {
namespace {

const std::filesystem::path kData = std::filesystem::path(HEADROOM_TEST_DATA) / "scoring";

std::string name_of(const testing::TestParamInfo<Json>& info) {
  return info.param["name"].get<std::string>();
}

std::vector<Fact> facts_of(const Json& list) {
  std::vector<Fact> facts;
  for (const Json& each : list) {
    facts.push_back(
        {each[0].get<std::string>(), each[1].get<std::string>(), each[2].get<std::string>()});
  }
  return facts;
}

class FactRecallCase : public testing::TestWithParam<Json> {};

TEST_P(FactRecallCase, CountsWhatIsTold) {
  const std::vector<Fact> facts = facts_of(GetParam()["facts"]);
  const FactRecall recall = recall_facts(facts, GetParam()["text"].get<std::string>());
  EXPECT_EQ(recall.facts, facts.size());
  EXPECT_EQ(recall.told, GetParam()["told"].get<std::size_t>());
  EXPECT_EQ(recall.placed, GetParam()["placed"].get<std::size_t>());
  EXPECT_EQ(recall.with_place, GetParam()["with_place"].get<std::size_t>());
}

INSTANTIATE_TEST_SUITE_P(Table,
                         FactRecallCase,
                         testing::ValuesIn(test::read_jsonl_table(kData / "fact_recall.jsonl")),
                         name_of);

class RepetitionCase : public testing::TestWithParam<Json> {};

TEST_P(RepetitionCase, IsFoundOnlyWhereItIs) {
  const auto found = find_repetition(GetParam()["text"].get<std::string>());
  const auto times = GetParam()["times"].get<std::size_t>();
  ASSERT_EQ(found.has_value(), times > 0);
  if (found) {
    EXPECT_EQ(found->times, times);
    EXPECT_EQ(found->words, GetParam()["words"].get<std::string>());
  }
}

INSTANTIATE_TEST_SUITE_P(Table,
                         RepetitionCase,
                         testing::ValuesIn(test::read_jsonl_table(kData / "repetitions.jsonl")),
                         name_of);

TEST(EmptyAnswer, IsOneWithoutWords) {
  for (const char* const text : {"", "  \n", "...", "\"\" - !"}) {
    EXPECT_TRUE(is_empty_answer(text)) << text;
  }
  for (const char* const text : {"a", "3", "\xE7\xBA\xA2"}) {
    EXPECT_FALSE(is_empty_answer(text)) << text;
  }
}

TEST(FactRecallScorer, ScoresThePartThatIsTold) {
  const auto scorer = make_scorer("fact-recall");
  Truth truth;
  truth.facts = {{"triangle", "blue", ""}, {"circle", "red", ""}};
  EXPECT_TRUE(scorer->can_score(truth));
  const auto half = scorer->score(truth, "a blue triangle");
  ASSERT_TRUE(half.has_value());
  EXPECT_EQ(half->value, 0.5);
  EXPECT_EQ(half->verdict, Verdict::kWrong);
  EXPECT_EQ(half->extracted, "1 of 2 facts");
  const auto whole = scorer->score(truth, "a blue triangle, a red circle");
  EXPECT_EQ(whole->verdict, Verdict::kCorrect);
}

TEST(FactRecallScorer, ScoresNothingWithoutFacts) {
  const auto scorer = make_scorer("fact-recall");
  const Truth truth{{"a caption"}, "", "", {}};
  EXPECT_FALSE(scorer->can_score(truth));
  EXPECT_FALSE(scorer->score(truth, "a blue triangle").has_value());
}

}  // namespace
}  // namespace headroom::scoring
