#include "scoring/captions.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "../support/jsonl_table.h"
#include "scoring/caption_tokens.h"

namespace headroom::scoring {
namespace {

const std::filesystem::path kData = std::filesystem::path(HEADROOM_TEST_DATA) / "scoring";

class CaptionToken : public testing::TestWithParam<Json> {};

TEST_P(CaptionToken, EqualsTheEvaluations) {
  EXPECT_EQ(caption_tokens(GetParam()["text"].get<std::string>()),
            GetParam()["tokens"].get<Tokens>());
}

INSTANTIATE_TEST_SUITE_P(Table,
                         CaptionToken,
                         testing::ValuesIn(test::read_jsonl_table(kData / "caption_tokens.jsonl")));

std::vector<Captioned> corpus_of(const Json& row) {
  std::vector<Captioned> corpus;
  for (const Json& each : row["corpus"]) {
    corpus.push_back(
        {each["answer"].get<std::string>(), each["references"].get<std::vector<std::string>>()});
  }
  return corpus;
}

std::vector<CaptionedTokens> tokens_of(const Json& row) {
  std::vector<CaptionedTokens> corpus;
  for (const Captioned& each : corpus_of(row)) {
    CaptionedTokens& one = corpus.emplace_back();
    one.answer = caption_tokens(each.answer);
    for (const std::string& reference : each.references) {
      one.references.push_back(caption_tokens(reference));
    }
  }
  return corpus;
}

class CaptionCorpus : public testing::TestWithParam<Json> {};

TEST_P(CaptionCorpus, HasTheReferencesBleu) {
  const auto scores = bleu(tokens_of(GetParam()));
  for (std::size_t n = 0; n < 4; ++n) {
    EXPECT_NEAR(scores.at(n), GetParam()["bleu"][n].get<double>(), 1e-9) << n + 1;
  }
}

TEST_P(CaptionCorpus, HasTheReferencesRouge) {
  const auto corpus = tokens_of(GetParam());
  for (std::size_t i = 0; i < corpus.size(); ++i) {
    EXPECT_NEAR(rouge_l(corpus[i]), GetParam()["rouge_l"][i].get<double>(), 1e-12) << i;
  }
}

TEST_P(CaptionCorpus, HasTheReferencesCider) {
  const std::vector<double> scores = cider_d(tokens_of(GetParam()));
  ASSERT_EQ(scores.size(), GetParam()["cider_d"].size());
  for (std::size_t i = 0; i < scores.size(); ++i) {
    EXPECT_NEAR(scores[i], GetParam()["cider_d"][i].get<double>(), 1e-9) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Table,
                         CaptionCorpus,
                         testing::ValuesIn(test::read_jsonl_table(kData / "captions.jsonl")));

TEST(CaptionScores, AreMeansOverDescriptionsWithReferences) {
  const std::vector<Captioned> corpus = {
      {"a man riding a horse", {"a man riding a horse", "a man on a brown horse"}},
      {"nobody knows", {}},
      {"two dogs run in the snow", {"two dogs play in the snow", "dogs running in snow"}}};
  const auto scores = score_captions(corpus);
  ASSERT_TRUE(scores.has_value());
  EXPECT_EQ(scores->count, 2U);
  ASSERT_TRUE(scores->cider_d.has_value());
  EXPECT_NEAR(*scores->cider_d, (6.26406 + 2.82827) / 2, 1e-5);
  EXPECT_NEAR(scores->rouge_l, (1 + 0.8333333) / 2, 1e-6);
}

TEST(CaptionScores, HaveNoCiderOfOneDescription) {
  const std::vector<Captioned> corpus = {{"a dog", {"a dog"}}};
  const auto scores = score_captions(corpus);
  ASSERT_TRUE(scores.has_value());
  EXPECT_FALSE(scores->cider_d.has_value());
  EXPECT_NEAR(scores->bleu[0], 1, 1e-8);
}

TEST(CaptionScores, AreNoneWithoutReferences) {
  EXPECT_FALSE(score_captions(std::vector<Captioned>{{"a dog", {}}}).has_value());
}

}  // namespace
}  // namespace headroom::scoring
