// Tiles whose side is no multiple of a patch's: what is beyond the last whole patch is left out.
#include <gtest/gtest.h>

#include <fstream>

#include "base/files.h"
#include "models/smolvlm_config.h"
#include "models/verify.h"
#include "support/temporary_folder.h"
#include "tiny_models.h"

namespace headroom::models {
namespace {

namespace fs = std::filesystem;
using testing::tiny;

/// A side, which InternVL's files give twice.
int side_of(const Json& value) { return (value.is_array() ? value.at(0) : value).get<int>(); }

std::unique_ptr<VisionLanguageModel> load(const fs::path& path, engine::Ops::Path kernels) {
  const ModelFolder folder = ModelFolder::open(path);
  return find_family(folder).make(folder, mx::float32, kernels);
}

class UnevenTiles
    : public ::testing::TestWithParam<std::tuple<std::string, int, engine::Ops::Path>> {};

/// The weights are those of the even tile: its positions are for as many patches.
TEST_P(UnevenTiles, GiveTheFeaturesOfTheirWholePatches) {
  const auto& [name, more, kernels] = GetParam();
  Json config = parse_json(read_file(tiny(name) / "config.json"), name);
  Json& size = config["vision_config"]["image_size"];
  const int side = side_of(size);
  const int larger = side + more;
  if (config.contains("force_image_size")) {
    config["force_image_size"] = larger;
  }
  size = larger;
  test::TemporaryFolder folder;
  std::ofstream(folder / "config.json") << dump_json(config);
  for (const char* file : {"model.safetensors", "tokenizer_config.json"}) {
    if (fs::exists(tiny(name) / file)) {
      fs::copy_file(tiny(name) / file, folder / file);
    }
  }
  const auto uneven = load(folder.path(), kernels);
  const auto even = load(tiny(name), kernels);
  const mx::array pixels =
      mx::random::normal({1, 3, larger, larger}, mx::float32, 0.0F, 1.0F, mx::random::key(11));
  const mx::array whole = mx::contiguous(mx::slice(pixels, {0, 0, 0, 0}, {1, 3, side, side}));
  mx::eval({pixels, whole});
  uneven->hold_vision();
  even->hold_vision();
  const mx::array ours = encode_pixels(*uneven, pixels, engine::Guard());
  const mx::array wanted = encode_pixels(*even, whole, engine::Guard());
  ASSERT_EQ(ours.shape(), wanted.shape());
  EXPECT_EQ(mx::max(mx::abs(mx::subtract(ours, wanted))).item<float>(), 0.0F);
}

INSTANTIATE_TEST_SUITE_P(
    Models,
    UnevenTiles,
    ::testing::Combine(
        ::testing::Values(
            "smolvlm", "idefics3", "llava", "internvl", "internvl_chat", "paligemma", "gemma3"),
        ::testing::Values(1, 3),
        ::testing::Values(engine::Ops::Path::kBest, engine::Ops::Path::kPortable)),
    [](const auto& one) {
      return std::get<0>(one.param) + "_" + std::to_string(std::get<1>(one.param)) +
             (std::get<2>(one.param) == engine::Ops::Path::kBest ? "_best" : "_portable");
    });

/// SmolVLM-Instruct and SmolVLM2-2.2B-Instruct: 27 patches of 14 pixels in 384, in threes.
TEST(SmolVlmOf384Pixels, Has81FeaturesATile) {
  Json config = parse_json(read_file(tiny("smolvlm") / "config.json"), "config.json");
  config["vision_config"]["image_size"] = 384;
  config["vision_config"]["patch_size"] = 14;
  config["scale_factor"] = 3;
  const SmolVlmConfig read = SmolVlmConfig::from_json(config, "config.json");
  EXPECT_EQ(read.vision.grid(), 27);
  EXPECT_EQ(read.vision.grid() / read.scale_factor, 9);
}

}  // namespace
}  // namespace headroom::models
