#include "gguf_model.h"

#include <gtest/gtest.h>

#include <sstream>

#include "base/errors.h"
#include "llama_sizes.h"
#include "support/gguf_file.h"

namespace headroom::backends {
namespace {

using test::GgufFile;

GgufHeader parse(const GgufFile& file) {
  const std::string bytes = file.bytes();
  std::istringstream stream(bytes);
  return parse_gguf_header(stream, bytes.size(), "file");
}

GgufModel small_model() {
  return {gguf_text(parse(test::small_gguf_text()), "text"),
          gguf_vision(parse(test::small_gguf_vision()), "vision"),
          0};
}

std::string refusal(const GgufFile& file) {
  try {
    gguf_text(parse(file), "file");
  } catch (const UsageError& error) {
    return error.what();
  }
  return "taken";
}

TEST(GgufModel, KvIsOfEachLayersOwnHeads) {
  EXPECT_EQ(small_model().text.kv_per_token, Bytes(2 * 2 * (16 + 16) * 2));
  GgufFile file;
  file.text("general.architecture", "gemma3")
      .count("gemma3.block_count", 3)
      .count("gemma3.embedding_length", 64)
      .count("gemma3.context_length", 2048)
      .counts("gemma3.attention.head_count", {4, 4, 4})
      .counts("gemma3.attention.head_count_kv", {1, 2, 0})
      .count("gemma3.attention.key_length", 40)
      .count("gemma3.attention.value_length", 24);
  EXPECT_EQ(gguf_text(parse(file), "file").kv_per_token, Bytes(3 * (40 + 24) * 2));
}

TEST(GgufModel, AFigureThatIsMissingOrAbsurdIsNamed) {
  GgufFile missing;
  missing.text("general.architecture", "llama").count("llama.block_count", 2);
  EXPECT_NE(refusal(missing).find("llama.embedding_length is missing"), std::string::npos)
      << refusal(missing);
  GgufFile absurd;
  absurd.text("general.architecture", "llama").count("llama.block_count", ~0U);
  EXPECT_NE(refusal(absurd).find("llama.block_count is 4294967295"), std::string::npos)
      << refusal(absurd);
  GgufFile few;
  few.text("general.architecture", "llama")
      .count("llama.block_count", 3)
      .count("llama.embedding_length", 64)
      .count("llama.context_length", 2048)
      .counts("llama.attention.head_count", {4, 4});
  EXPECT_NE(refusal(few).find("has 2 figures for 3 layers"), std::string::npos) << refusal(few);
  EXPECT_NE(refusal(test::small_gguf_vision()).find("a vision part (mmproj), not a model"),
            std::string::npos);
  EXPECT_THROW(gguf_vision(parse(test::small_gguf_text()), "file"), UsageError);
}

TEST(GgufModel, NoArithmeticOverflowsWithTheLargestFigures) {
  GgufFile file;
  file.text("general.architecture", "llama")
      .count("llama.block_count", 4096)
      .count("llama.embedding_length", 1U << 20U)
      .count("llama.context_length", 1U << 30U)
      .count("llama.feed_forward_length", 1U << 20U)
      .count("llama.attention.head_count", 4096)
      .count("llama.attention.head_count_kv", 4096)
      .count("llama.attention.key_length", 16)
      .count("llama.attention.value_length", 16)
      .count("llama.vocab_size", 1U << 26U);
  const GgufText text = gguf_text(parse(file), "file");
  const memory::Geometry geometry =
      gguf_geometry({text, std::nullopt, 0}, {kMostSlots, kMostContext}, Bytes(), {});
  EXPECT_GT(geometry.reserved.kv, 1_GiB);
}

TEST(GgufModel, APicturesTokensAreNeverFewerThanTheServerMakes) {
  GgufVision vision = *small_model().vision;
  EXPECT_EQ(gguf_picture(vision, {64, 64, {}}, 0).tokens, 16U + 4U);
  EXPECT_EQ(gguf_picture(vision, {640, 320, {}}, 0).tokens, 40U * 20U + 4U);
  EXPECT_EQ(gguf_picture(vision, {8, 8, {}}, 0).tokens, 16U + 4U) << "scaled up";
  EXPECT_EQ(gguf_picture(vision, {9000, 9000, {}}, 0).tokens, 4096U + 4U);
  EXPECT_EQ(gguf_picture(vision, {9000, 9000, {}}, 64).tokens, 64U + 4U) << "as it is told";
  vision.projector = "idefics3";
  vision.longest = 256;
  const GgufPicture cut = gguf_picture(vision, {512, 256, {}}, 0);
  EXPECT_EQ(cut.tiles, 4U * 2U + 1U) << "and an overview";
  EXPECT_EQ(cut.tokens, 9U * (16U + 4U));
  vision.projector = "gemma3";
  EXPECT_EQ(gguf_picture(vision, {512, 256, {}}, 0).tiles, 1U);
}

TEST(GgufModel, ServersMemoryIsWeightsCacheOfAllSlotsAndBuffers) {
  const GgufModel model = small_model();
  const memory::Geometry one = gguf_geometry(model, {1, 1024}, 20_MiB, {{64, 64, {}}});
  const memory::Geometry four = gguf_geometry(model, {4, 1024}, 20_MiB, {{64, 64, {}}});
  EXPECT_EQ(one.weights, Bytes(12'800 + 256 + 16'384));
  EXPECT_EQ(one.engine, 20_MiB);
  EXPECT_EQ(one.reserved.kv, Bytes(256 * 1024));
  EXPECT_EQ(four.reserved.kv, one.reserved.kv * 4);
  EXPECT_EQ(four.reserved.slots, 4U);
  EXPECT_EQ(one.kv_per_token, Bytes()) << "no question adds to it";
  EXPECT_EQ(one.vision_weights, Bytes()) << "which cannot be released";
  EXPECT_GT(one.reserved.compute, Bytes());
  const memory::Geometry larger =
      gguf_geometry(model, {1, 1024}, 20_MiB, {{64, 64, {}}, {999, 999, {}}});
  EXPECT_GT(larger.reserved.vision, one.reserved.vision);
  EXPECT_EQ(larger.pictures.size(), 2U);
  EXPECT_EQ(gguf_geometry(model, {1, 1024}, 20_MiB, {}).reserved.vision, Bytes());
}

Sizing sizing_of(Bytes memory) { return {memory, {100}, 40, {{0}}}; }

TEST(LlamaSizes, RoomMakesSlotsFirstAndSpareContextNext) {
  const GgufModel model = small_model();
  const std::vector<worker::PictureSize> pictures = {{640, 320, {}}};
  const std::uint64_t need = tokens_needed(model, pictures, sizing_of(1_GiB));
  EXPECT_EQ(need, 804U + 100U + 40U + 64U);
  EXPECT_EQ(choose_sizes(model, 20_MiB, pictures, sizing_of(1_GiB), 4), (ServerSizes{4, 2048}));
  const auto needed = [&](const ServerSizes& sizes) {
    const memory::Geometry geometry = gguf_geometry(model, sizes, 20_MiB, pictures);
    return geometry.engine + geometry.engine_growth + geometry.weights + geometry.reserved.kv +
           geometry.reserved.compute + geometry.reserved.vision;
  };
  for (std::uint32_t slots = 4; slots > 0; --slots) {
    const ServerSizes tight{slots, 1024};
    EXPECT_EQ(choose_sizes(model, 20_MiB, pictures, sizing_of(needed(tight)), 4), tight);
  }
  EXPECT_EQ(choose_sizes(model, 20_MiB, pictures, sizing_of(1_MiB), 4), (ServerSizes{1, 1024}))
      << "the least that answers, for the numbers of a refusal";
  EXPECT_EQ(choose_sizes(model, 20_MiB, pictures, sizing_of(1_GiB), 2).slots, 2U);
}

TEST(LlamaSizes, ATextLongerThanAnyContextMakesNoContextLarger) {
  const GgufModel model = small_model();
  const std::vector<worker::PictureSize> pictures = {{640, 320, {}}};
  Sizing sizing = sizing_of(1_GiB);
  sizing.text_tokens = {60, 100, 4'000'000};
  EXPECT_EQ(choose_sizes(model, 20_MiB, pictures, sizing, 4),
            choose_sizes(model, 20_MiB, pictures, sizing_of(1_GiB), 4));
}

}  // namespace
}  // namespace headroom::backends
