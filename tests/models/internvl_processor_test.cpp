#include "models/internvl_processor.h"

#include <gtest/gtest.h>

#include "images/decode.h"
#include "processor_golden.h"

namespace headroom::models {
namespace {

using test::expect_pixels;
using test::expect_refused_by_key;
using test::read_table;
using test::test_data;

class PublishedInternVl : public testing::TestWithParam<std::string> {};

TEST_P(PublishedInternVl, GivesTheReferencesShapesAndValues) {
  const bool fast = GetParam() == "torchvision";
  const Json table =
      read_table(test_data(fast ? "processors/torchvision.json" : "processors/internvl.json"));
  const Json& entry = table.at("cases").at("internvl");
  Json settings = entry.at("settings");
  settings["use_fast"] = fast;
  auto config = InternVlProcessorConfig::from_json(settings);
  if (!fast) {
    config.pass_order = images::PassOrder::kPillow12;
  }
  for (const auto& [file, expected] : entry.at(GetParam()).items()) {
    if (file == "rotated.jpg") {
      continue;  // the reference processed pictures as stored
    }
    SCOPED_TRACE(file);
    const auto image = images::decode_file(test_data("processors/images") / file).image;
    const InternVlTiles tiles = internvl_tiles(image.width, image.height, config);
    EXPECT_EQ(tiles.tiles(), expected.at("num_patches").at(0));
    const auto pixels = process_internvl(image, config);
    EXPECT_EQ(pixels.size() * sizeof(float), tiles.pixel_bytes);
    expect_pixels(pixels, expected.at("pixel_values"));
  }
}

INSTANTIATE_TEST_SUITE_P(Reference,
                         PublishedInternVl,
                         testing::Values("pil", "torchvision"),
                         [](const auto& one) { return one.param; });

TEST(InternVlTilesTest, AnySizeAndAspectIsTaken) {
  const InternVlProcessorConfig config;
  for (const auto& [width, height] :
       {std::pair(1U, 1U), {7U, 5U}, {2000U, 100U}, {100U, 2000U}, {1U, 3000U}}) {
    const images::Image image{
        width, height, std::vector<std::uint8_t>(std::size_t{width} * height * 3, 90)};
    const InternVlTiles tiles = internvl_tiles(width, height, config);
    EXPECT_LE(tiles.tiles(), 13U);
    EXPECT_EQ(process_internvl(image, config).size() * sizeof(float), tiles.pixel_bytes);
    EXPECT_GE(tiles.transient_bytes, tiles.pixel_bytes);
  }
  EXPECT_EQ(internvl_tiles(2000, 100, config).cols, 12U);
  EXPECT_EQ(internvl_tiles(100, 2000, config).rows, 12U);
}

TEST(InternVlTilesTest, ALimitIsKeptDownToTheWholePictureAlone) {
  const InternVlProcessorConfig config;
  for (std::uint32_t most = 1; most < 14; ++most) {
    for (const auto& [width, height] : {std::pair(1000U, 1000U), {4000U, 500U}, {3000U, 2000U}}) {
      EXPECT_LE(internvl_tiles(width, height, config, most).tiles(), most);
    }
  }
  EXPECT_EQ(internvl_tiles(3000, 2000, config).tiles(), 7U);
  EXPECT_EQ(internvl_tiles(3000, 2000, config, 7).tiles(), 7U);
}

TEST(InternVlProcessorConfigTest, TokensAreThoseThatTheTokenizerNames) {
  const auto config = InternVlProcessorConfig::from_json(
      Json::object(), Json::parse(R"({"extra_special_tokens": {"context_image_token": "<I>"},
                      "start_image_token": "<s_i>"})"));
  EXPECT_EQ(config.image_token, "<I>");
  EXPECT_EQ(config.start_token, "<s_i>");
  EXPECT_EQ(config.end_token, "</img>");
}

TEST(InternVlProcessorConfigTest, RefusesWhatCannotBeUsedByKey) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"size", R"({"size": {"height": 448, "width": 224}})"},
      {"size", R"({"size": {"shortest_edge": 448}})"},
      {"max_patches", R"({"max_patches": 0})"},
      {"max_patches", R"({"max_patches": 5000})"},
      {"min_patches", R"({"min_patches": 13})"},
      {"resample", R"({"resample": 6})"}};
  expect_refused_by_key(rows, [](const Json& json) { InternVlProcessorConfig::from_json(json); });
}

}  // namespace
}  // namespace headroom::models
