#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <tuple>

#include "base/clock.h"
#include "models/registry.h"
#include "models/verify.h"
#include "tiny_models.h"

namespace headroom::models {
namespace {

using testing::load_tiny;
using testing::tiny;

class TinyGolden : public ::testing::TestWithParam<std::tuple<std::string, engine::Ops::Path>> {};

/// Packed weights are compared with the reference on the unpacked ones.
TEST_P(TinyGolden, LogitsAndTokensEqualTheReference) {
  const auto& [name, path] = GetParam();
  const auto model = load_tiny(name, path);
  const SystemClock clock;
  const Verification result = verify(*model, tiny(name) / "golden.safetensors", clock);
  EXPECT_LT(result.max_logit_difference, name.ends_with("bit") ? 1e-3 : 1e-4);
  EXPECT_EQ(result.tokens, result.expected_tokens);
  EXPECT_EQ(result.tokens.size(), 12U);
  EXPECT_EQ(result.first_different_tap, "");
}

INSTANTIATE_TEST_SUITE_P(
    Models,
    TinyGolden,
    ::testing::Combine(::testing::ValuesIn(testing::tiny_models()),
                       ::testing::Values(engine::Ops::Path::kBest, engine::Ops::Path::kPortable)),
    [](const auto& one) {
      return std::get<0>(one.param) +
             (std::get<1>(one.param) == engine::Ops::Path::kBest ? "_best" : "_portable");
    });

TEST(Registry, EachFamilyHasATinyGolden) {
  std::set<std::string> found;
  for (const std::string& name : testing::tiny_models()) {
    if (std::filesystem::exists(tiny(name) / "golden.safetensors")) {
      found.insert(std::string(find_family(ModelFolder::open(tiny(name))).model_type));
    }
  }
  for (const Family& family : families()) {
    EXPECT_TRUE(found.contains(std::string(family.model_type))) << family.model_type;
  }
}

}  // namespace
}  // namespace headroom::models
