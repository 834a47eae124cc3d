// What Qwen-VL has of its own: positions of three rows, windows, several sets of features.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "base/clock.h"
#include "base/errors.h"
#include "base/files.h"
#include "engine/generate.h"
#include "models/qwen_tower.h"
#include "models/qwen_vl_config.h"
#include "models/verify.h"
#include "text/chat_template.h"
#include "tiny_models.h"

namespace headroom::models {
namespace {

using testing::load_tiny;
using testing::tiny;

const std::vector<std::string> kModels = {"qwen2_vl", "qwen2_5_vl", "qwen3_vl"};

class QwenGolden
    : public ::testing::TestWithParam<std::tuple<std::string, std::string, engine::Ops::Path>> {};

TEST_P(QwenGolden, EqualsTheReference) {
  const auto& [name, file, path] = GetParam();
  const auto model = load_tiny(name, path);
  const SystemClock clock;
  const Verification result = verify(*model, tiny(name) / (file + ".safetensors"), clock);
  EXPECT_LT(result.max_logit_difference, 1e-4);
  EXPECT_EQ(result.tokens, result.expected_tokens);
  EXPECT_EQ(result.tokens.size(), 12U);
  EXPECT_EQ(result.first_different_tap, "");
  EXPECT_LT(result.tap_difference, 1e-4);
  EXPECT_EQ(result.tap_difference > 0, file == "layers");
}

INSTANTIATE_TEST_SUITE_P(
    Models,
    QwenGolden,
    ::testing::Combine(::testing::ValuesIn(kModels),
                       ::testing::Values("two_pictures", "text_alone", "layers"),
                       ::testing::Values(engine::Ops::Path::kBest, engine::Ops::Path::kPortable)),
    [](const auto& one) {
      return std::get<0>(one.param) + "_" + std::get<1>(one.param) +
             (std::get<2>(one.param) == engine::Ops::Path::kBest ? "_best" : "_portable");
    });

/// As GPUs compute: no step falls back to float32 for good.
TEST(QwenHalf, InBfloat16LogitsAreNearTheReferences) {
  for (const std::string& name : kModels) {
    SCOPED_TRACE(name);
    const auto model = load_tiny(name, engine::Ops::Path::kPortable, mx::bfloat16);
    const SystemClock clock;
    for (const char* file : {"golden", "two_pictures"}) {
      const auto path = tiny(name) / (std::string(file) + ".safetensors");
      EXPECT_LT(verify(*model, path, clock).max_logit_difference, 6e-2);
      const GoldenPrompt prompt =
          read_golden_prompt(*model, engine::TensorFile(path), engine::Guard());
      EXPECT_EQ(prompt.features->dtype(), mx::bfloat16);
    }
  }
}

using Position = std::array<std::int32_t, 3>;

/// A text token, two pictures of 2 x 3 and 1 x 1 features with a token between them, and two more.
std::vector<engine::PromptToken> placed_prompt() {
  const auto model = load_tiny("qwen2_vl");
  ReferenceInputs inputs{mx::zeros({28, 96}), {{"image_grid_thw", {1, 4, 6, 1, 2, 2}}}};
  mx::eval(inputs.pixels);
  const auto pictures = model->reference_pictures(inputs);
  std::vector<const PreparedPicture*> addresses;
  std::vector<engine::PromptToken> prompt{{10}};
  std::int32_t feature = 0;
  for (const auto& picture : pictures) {
    addresses.push_back(picture.get());
    for (std::uint32_t i = 0; i < picture->features; ++i) {
      prompt.push_back({150, feature++});
    }
    prompt.push_back({11});
  }
  prompt.push_back({12});
  model->place(prompt, addresses);
  return prompt;
}

TEST(QwenPictures, AGridWhoseNumbersPass64BitsIsRefused) {
  const auto model = load_tiny("qwen2_vl");
  constexpr std::int32_t kSide = 1 << 30;  // 96 numbers of so many patches are 0 in 64 bits
  ReferenceInputs inputs{mx::zeros({4, 96}), {{"image_grid_thw", {1, 2, 2, 1, kSide, kSide}}}};
  mx::eval(inputs.pixels);
  try {
    model->reference_pictures(inputs);
    ADD_FAILURE() << "accepted";
  } catch (const InputError& error) {
    EXPECT_EQ(error.code(), "E-PIXELS");
    EXPECT_NE(std::string(error.what()).find("1073741824"), std::string::npos) << error.what();
  }
}

TEST(QwenPositions, APictureStandsAtOneTimeAndTextGoesOnBehindItsLongerSide) {
  std::vector<Position> positions;
  for (const engine::PromptToken& token : placed_prompt()) {
    positions.push_back(token.position);
  }
  EXPECT_EQ(positions,
            (std::vector<Position>{{0, 0, 0},
                                   {1, 1, 1},
                                   {1, 1, 2},
                                   {1, 1, 3},
                                   {1, 2, 1},
                                   {1, 2, 2},
                                   {1, 2, 3},
                                   {4, 4, 4},
                                   {5, 5, 5},
                                   {6, 6, 6},
                                   {7, 7, 7}}));
}

TEST(QwenPositions, AnAnswerGoesOnBehindTheLargestPosition) {
  EXPECT_EQ(engine::following(placed_prompt().back(), 20).position, (Position{8, 8, 8}));
}

TEST(QwenPositions, APromptWithoutPicturesHasThePlainOnes) {
  const auto model = load_tiny("qwen2_vl");
  std::vector<engine::PromptToken> prompt{{10}, {11}};
  model->place(prompt, {});
  EXPECT_EQ(prompt, (std::vector<engine::PromptToken>{{10}, {11}}));
}

/// The positions behind a picture differ from the indices: a second turn that goes on from the
/// first one's cache must keep them.
TEST(QwenPositions, AHeldTurnGivesTheAnswerOfAColdOne) {
  for (const std::string& name : kModels) {
    SCOPED_TRACE(name);
    const auto model = load_tiny(name);
    GoldenPrompt golden = read_golden_prompt(
        *model, engine::TensorFile(tiny(name) / "two_pictures.safetensors"), engine::Guard());
    const std::set<std::int32_t> none;
    const SystemClock clock;
    const engine::Generator generator(*model, none, clock);
    std::optional<engine::HeldCache> held;
    const auto answer = [&](const std::vector<engine::PromptToken>& prompt,
                            const mx::array* features,
                            bool hold) {
      engine::Continuation result;
      const auto keep = [&](std::size_t, engine::Continuation&& made) { result = std::move(made); };
      engine::GenerationLimits limits;
      limits.hold = hold;
      std::optional<engine::HeldCache> nothing;
      generator.run(
          {{prompt, 6, 0}}, features, limits, engine::Guard(), keep, hold ? held : nothing);
      return result;
    };
    const auto first = answer(golden.tokens, &*golden.features, true);
    std::vector<engine::PromptToken> second = golden.tokens;
    for (const std::int32_t token : first.tokens) {
      second.push_back({token});
    }
    for (const std::int32_t token : {33, 44, 55}) {
      second.push_back({token});
    }
    std::vector<const PreparedPicture*> pictures;
    for (const auto& picture : golden.pictures) {
      pictures.push_back(picture.get());
    }
    model->place(second, pictures);
    const auto cold = answer(second, &*golden.features, false);
    const auto warm = answer(second, nullptr, true);
    EXPECT_EQ(warm.tokens, cold.tokens);
    EXPECT_EQ(warm.prefilled, 4U) << "the last token of the answer was never fed";
    EXPECT_EQ(cold.prefilled, second.size());
  }
}

/// Questions about two pictures of different grids, the last of them about the first picture alone.
TEST(QwenPositions, SharedAndChunkedAnswersOverMixedPicturesAreThoseAlone) {
  for (const std::string& name : kModels) {
    SCOPED_TRACE(name);
    const auto model = load_tiny(name);
    const GoldenPrompt golden = read_golden_prompt(
        *model, engine::TensorFile(tiny(name) / "two_pictures.safetensors"), engine::Guard());
    std::vector<engine::Sequence> sequences(3, {golden.tokens, 6, 0});
    sequences[1].prompt.back().id = 77;
    const auto second = std::find_if(
        golden.tokens.begin(), golden.tokens.end(), [&golden](const engine::PromptToken& token) {
          return token.feature == static_cast<std::int32_t>(golden.pictures.front()->features);
        });
    ASSERT_NE(second, golden.tokens.end());
    sequences[2].prompt.assign(golden.tokens.begin(), second);
    const std::set<std::int32_t> none;
    const SystemClock clock;
    const engine::Generator generator(*model, none, clock);
    const auto answers = [&](const std::vector<engine::Sequence>& asked,
                             const engine::GenerationLimits& limits) {
      std::vector<std::vector<std::int32_t>> tokens(asked.size());
      generator.run(asked,
                    &*golden.features,
                    limits,
                    engine::Guard(),
                    [&](std::size_t index, engine::Continuation&& made) {
                      tokens[index] = std::move(made.tokens);
                    });
      return tokens;
    };
    std::vector<std::vector<std::int32_t>> cold;
    for (const engine::Sequence& sequence : sequences) {
      cold.push_back(answers({sequence}, {}).front());
    }
    EXPECT_EQ(answers(sequences, {}), cold);
    EXPECT_EQ(answers(sequences, {.prefill_chunk = 5}), cold);
    EXPECT_EQ(answers(sequences, {.batch = 2, .prefill_chunk = 11, .share_prefix = false}), cold);
  }
}

TEST(WindowOrderTest, WholeWindowsThenTheEdgesThenTheCorner) {
  const WindowOrder order = window_order(3, 5, 2, 4);
  EXPECT_EQ(order.runs, (std::vector<WindowRun>{{2, 16}, {1, 8}, {2, 8}, {1, 4}}));
  EXPECT_EQ(order.features, (std::vector<int>{0, 1, 5, 6, 2, 3, 7, 8, 4, 9, 10, 11, 12, 13, 14}));
}

TEST(WindowOrderTest, EachFeatureIsInOneWindow) {
  for (const auto& [rows, cols] : {std::pair(1, 1), {4, 4}, {8, 12}, {5, 3}, {1, 9}, {9, 1}}) {
    const WindowOrder order = window_order(rows, cols, 4, 4);
    std::vector<int> sorted = order.features;
    std::sort(sorted.begin(), sorted.end());
    int patches = 0;
    for (const WindowRun& run : order.runs) {
      patches += run.windows * run.patches;
    }
    EXPECT_EQ(patches, 4 * rows * cols);
    ASSERT_EQ(sorted.size(), static_cast<std::size_t>(rows * cols));
    for (int i = 0; i < rows * cols; ++i) {
      EXPECT_EQ(sorted[static_cast<std::size_t>(i)], i);
    }
  }
}

TEST(QwenInputs, PixelsThatDoNotFitTheGridsAreRefused) {
  const auto model = load_tiny("qwen3_vl");
  const auto refused = [&](int patches, std::vector<std::int32_t> grids) {
    ReferenceInputs inputs{mx::zeros({patches, 96}), {}};
    mx::eval(inputs.pixels);
    if (!grids.empty()) {
      inputs.numbers["image_grid_thw"] = std::move(grids);
    }
    EXPECT_THROW(model->reference_pictures(inputs), InputError);
  };
  refused(4, {});
  refused(4, {1, 2});
  refused(4, {2, 2, 2});
  refused(6, {1, 2, 3});
  refused(8, {1, 2, 2});
  refused(4, {1, 2, 4});
}

/// The family's own template, for folders without one, writes what the published one writes.
TEST(QwenTemplate, WritesConversationsAsThePublishedOneDoes) {
  const std::filesystem::path data = std::filesystem::path(HEADROOM_TEST_DATA) / "text";
  const auto inputs = text::OrderedJson::parse(read_file(data / "conversations.json"));
  for (const auto& [name, published] :
       {std::pair("qwen2_vl", "qwen2_vl.jinja"), {"qwen3_vl", "qwen3_vl.jinja"}}) {
    const ModelFolder folder = ModelFolder::open(tiny(name));
    const auto architecture = find_family(folder).open(folder);
    const auto render = [&](std::string source, const std::string& conversation) {
      return text::ChatTemplate::from_source(std::move(source), name, WallTime())
          .render_messages(inputs["conversations"][conversation], {});
    };
    for (const char* conversation :
         {"one_picture", "text_alone", "two_pictures_system", "dialogue"}) {
      EXPECT_EQ(render(std::string(architecture->chat_template()), conversation),
                render(read_file(data / "templates" / published), conversation))
          << name << ", " << conversation;
    }
  }
}

}  // namespace
}  // namespace headroom::models
