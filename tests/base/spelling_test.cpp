#include "base/spelling.h"

#include <gtest/gtest.h>

namespace headroom {

namespace {

struct Word {
  const char* word;
  std::vector<std::string> candidates;
  const char* nearest;
};

class Spelling : public ::testing::TestWithParam<Word> {};

TEST_P(Spelling, FindsOnlyWhatIsNear) {
  EXPECT_EQ(nearest(GetParam().word, GetParam().candidates), GetParam().nearest);
}

INSTANTIATE_TEST_SUITE_P(Table,
                         Spelling,
                         ::testing::Values(Word{"vqq", {"plan", "vqa"}, "vqa"},
                                           Word{"B", {"1", "2"}, ""},
                                           Word{"ab", {"ac"}, ""},
                                           Word{"nope.jsonl", {"long.jsonl"}, ""},
                                           Word{"mnie.jsonl", {"mine.jsonl"}, "mine.jsonl"},
                                           Word{"easy-vqq", {"easy-vqa"}, "easy-vqa"},
                                           Word{"--memroy", {"--metric", "--memory"}, "--memory"},
                                           Word{"--max_tokns", {"--max-tokens"}, "--max-tokens"},
                                           Word{"loop", {"loop", "loops"}, "loops"},
                                           Word{"", {"a"}, ""}));

TEST(Spelling, SaysNothingWhereNothingIsNear) {
  EXPECT_EQ(did_you_mean("vqq", {"vqa"}), "; did you mean 'vqa'?");
  EXPECT_EQ(did_you_mean("vqq", {"resume"}), "");
}

}  // namespace

}  // namespace headroom
