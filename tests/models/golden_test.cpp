#include <gtest/gtest.h>

#include <filesystem>

#include "base/clock.h"
#include "models/registry.h"
#include "models/verify.h"

namespace headroom::models {
namespace {

struct Case {
  std::string family;
  engine::Ops::Path path;
};

class TinyGolden : public ::testing::TestWithParam<Case> {};

std::filesystem::path tiny(const std::string& family) {
  return std::filesystem::path(HEADROOM_TEST_DATA) / "tiny" / family;
}

TEST_P(TinyGolden, LogitsAndTokensEqualTheReference) {
  const auto folder = ModelFolder::open(tiny(GetParam().family));
  const auto model = find_family(folder).make(folder, mx::float32, GetParam().path);
  const SystemClock clock;
  const Verification result = verify(*model, tiny(GetParam().family) / "golden.safetensors", clock);
  EXPECT_LT(result.max_logit_difference, 1e-4);
  EXPECT_EQ(result.tokens, result.expected_tokens);
  EXPECT_EQ(result.tokens.size(), 12U);
}

INSTANTIATE_TEST_SUITE_P(Families,
                         TinyGolden,
                         ::testing::Values(Case{"smolvlm", engine::Ops::Path::kBest},
                                           Case{"smolvlm", engine::Ops::Path::kPortable},
                                           Case{"idefics3", engine::Ops::Path::kBest},
                                           Case{"idefics3", engine::Ops::Path::kPortable}),
                         [](const auto& param) {
                           return param.param.family + (param.param.path == engine::Ops::Path::kBest
                                                            ? "_best"
                                                            : "_portable");
                         });

TEST(Registry, EachFamilyHasATinyGolden) {
  for (const Family& family : families()) {
    EXPECT_TRUE(
        std::filesystem::exists(tiny(std::string(family.model_type)) / "golden.safetensors"))
        << family.model_type;
  }
}

}  // namespace
}  // namespace headroom::models
