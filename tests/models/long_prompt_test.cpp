// Rotary frequencies that change with the prompt's length, against an independent computation.
#include <gtest/gtest.h>

#include <fstream>

#include "base/clock.h"
#include "base/files.h"
#include "engine/generate.h"
#include "engine/tensor_file.h"
#include "models/verify.h"
#include "support/temporary_folder.h"
#include "tiny_models.h"

namespace headroom::models {
namespace {

namespace fs = std::filesystem;
using testing::tiny;

class LongPrompt : public ::testing::TestWithParam<int> {
 protected:
  /// The tiny model whose short factors reach so many tokens.
  std::unique_ptr<VisionLanguageModel> load(engine::Ops::Path path) {
    const fs::path& folder = folder_.path();
    fs::copy_file(tiny("phi3_v") / "model.safetensors",
                  folder / "model.safetensors",
                  fs::copy_options::overwrite_existing);
    const fs::path config = tiny("phi3_v") / "config.json";
    Json json = parse_json(read_file(config), config.string());
    json["original_max_position_embeddings"] = GetParam();
    std::ofstream(folder / "config.json") << json;
    const ModelFolder opened = ModelFolder::open(folder);
    return find_family(opened).make(opened, mx::float32, path);
  }

  fs::path golden() const {
    return fs::path(HEADROOM_TEST_DATA) / "long_prompts" /
           (std::to_string(GetParam()) + ".safetensors");
  }

 private:
  test::TemporaryFolder folder_;
};

TEST_P(LongPrompt, LogitsAndTokensEqualTheReference) {
  for (const auto path : {engine::Ops::Path::kBest, engine::Ops::Path::kPortable}) {
    const auto model = load(path);
    const SystemClock clock;
    const Verification result = verify(*model, golden(), clock);
    EXPECT_LT(result.max_logit_difference, 1e-4);
    EXPECT_EQ(result.tokens, result.expected_tokens);
  }
}

TEST_P(LongPrompt, AnswersInChunksAndBesideAnotherAreTheReferences) {
  for (const auto path : {engine::Ops::Path::kBest, engine::Ops::Path::kPortable}) {
    const auto model = load(path);
    const engine::TensorFile file(golden());
    const GoldenPrompt prompt = read_golden_prompt(*model, file, engine::Guard());
    const auto expected = file.integers("generated");
    // Two questions of which the shorter one is within the short factors' reach where 48 is.
    std::vector<engine::Sequence> sequences(2);
    sequences[0].prompt = prompt.tokens;
    sequences[1].prompt.assign(prompt.tokens.begin(), prompt.tokens.end() - 2);
    model->place(sequences[1].prompt, {});
    for (engine::Sequence& sequence : sequences) {
      sequence.max_tokens = static_cast<std::uint32_t>(expected.size());
    }
    const SystemClock clock;
    const std::set<std::int32_t> none;
    for (const int chunk : {0, 7}) {
      std::vector<std::int32_t> tokens;
      engine::Generator(*model, none, clock)
          .run(sequences,
               &*prompt.features,
               {.prefill_chunk = chunk},
               engine::Guard(),
               [&](std::size_t index, engine::Continuation&& continuation) {
                 if (index == 0) {
                   tokens = std::move(continuation.tokens);
                 }
               });
      EXPECT_EQ(tokens, expected) << "chunk " << chunk;
    }
  }
}

TEST(Phi3VPictures, TwoInAPromptStandAtTheirOwnPlaces) {
  const auto model = testing::load_tiny("phi3_v");
  const SystemClock clock;
  const Verification result = verify(
      *model, fs::path(HEADROOM_TEST_DATA) / "long_prompts" / "two_pictures.safetensors", clock);
  EXPECT_LT(result.max_logit_difference, 1e-4);
  EXPECT_EQ(result.tokens, result.expected_tokens);
}

INSTANTIATE_TEST_SUITE_P(Reach,
                         LongPrompt,
                         ::testing::Values(20, 48, 53),
                         ::testing::PrintToStringParamName());

}  // namespace
}  // namespace headroom::models
