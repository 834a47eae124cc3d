#include "models/llava_processor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/errors.h"
#include "images/decode.h"
#include "processor_golden.h"

namespace headroom::models {
namespace {

using test::expect_pixels;
using test::expect_refused_by_key;
using test::read_table;
using test::test_data;

class PublishedLlava : public testing::TestWithParam<std::tuple<std::string, std::string>> {};

TEST_P(PublishedLlava, GivesTheReferencesShapesAndValues) {
  const auto& [name, backend] = GetParam();
  const bool fast = backend == "torchvision";
  const Json table =
      read_table(test_data(fast ? "processors/torchvision.json" : "processors/llava.json"));
  const Json& entry = table.at("cases").at(name);
  Json settings = entry.at("settings");
  settings["use_fast"] = fast;
  auto config = LlavaProcessorConfig::from_json(settings, name == "llava_next");
  if (!fast) {
    config.pass_order = images::PassOrder::kPillow12;
  }
  for (const auto& [file, expected] : entry.at(backend).items()) {
    if (file == "rotated.jpg") {
      continue;  // the reference processed pictures as stored
    }
    SCOPED_TRACE(file);
    const auto image = images::decode_file(test_data("processors/images") / file).image;
    const LlavaTiles tiles = llava_tiles(image.width, image.height, config);
    const Json& shape = expected.at("pixel_values").at("shape");
    EXPECT_EQ(tiles.tiles, shape.at(shape.size() - 4));
    EXPECT_EQ(tiles.tile_height, shape.at(shape.size() - 2));
    EXPECT_EQ(tiles.tile_width, shape.at(shape.size() - 1));
    const auto pixels = process_llava(image, config);
    EXPECT_EQ(pixels.size() * sizeof(float), tiles.pixel_bytes);
    expect_pixels(pixels, expected.at("pixel_values"));
  }
}

INSTANTIATE_TEST_SUITE_P(Reference,
                         PublishedLlava,
                         testing::Combine(testing::Values("llava_1_5", "llava_next"),
                                          testing::Values("pil", "torchvision")),
                         [](const auto& one) {
                           return std::get<0>(one.param) + "_" + std::get<1>(one.param);
                         });

LlavaProcessorConfig next_config() {
  return LlavaProcessorConfig::from_json(
      Json::parse(R"({"size": {"shortest_edge": 336}, "crop_size": 336})"), true);
}

TEST(LlavaTiles, AnySizeAndAspectIsTaken) {
  const auto config = next_config();
  for (const auto& [width, height] :
       {std::pair(1U, 1U), {7U, 5U}, {2000U, 100U}, {100U, 2000U}, {1U, 3000U}}) {
    const images::Image image{
        width, height, std::vector<std::uint8_t>(std::size_t{width} * height * 3, 90)};
    const LlavaTiles tiles = llava_tiles(width, height, config);
    EXPECT_EQ(process_llava(image, config).size() * sizeof(float), tiles.pixel_bytes);
    EXPECT_GE(tiles.transient_bytes, tiles.pixel_bytes);
    const KeptFeatures kept = unpadded(width, height, tiles.cols * 24, tiles.rows * 24);
    EXPECT_LE(kept.top + kept.rows, tiles.rows * 24);
    EXPECT_LE(kept.left + kept.cols, tiles.cols * 24);
  }
}

TEST(LlavaTiles, FewerTilesTakeSmallerResolutionsAndThenTheFirstAlone) {
  const auto config = next_config();
  EXPECT_EQ(llava_tiles(1000, 1000, config).tiles, 5U);
  EXPECT_EQ(llava_tiles(1000, 1000, config, 5).tiles, 5U);
  EXPECT_EQ(llava_tiles(1000, 300, config, 4).tiles, 4U);
  EXPECT_EQ(llava_tiles(1000, 1000, config, 3).tiles, 3U);
  EXPECT_EQ(llava_tiles(1000, 1000, config, 2).tiles, 1U);
  EXPECT_EQ(llava_tiles(1000, 1000, config, 1).rows, 0U);
}

TEST(Unpadded, LeavesOutTheRowsOrColumnsOfThePadding) {
  // The reference's figures for 40 x 70 in a grid of 8 x 8 and 75 x 31 in one of 12 x 4.
  const KeptFeatures wide = unpadded(70, 40, 8, 8);
  EXPECT_EQ(wide.top, 2U);
  EXPECT_EQ(wide.rows, 4U);
  EXPECT_EQ(wide.cols, 8U);
  const KeptFeatures high = unpadded(31, 75, 4, 12);
  EXPECT_EQ(high.top, 1U);
  EXPECT_EQ(high.rows, 10U);
  EXPECT_EQ(high.cols, 4U);
}

TEST(LlavaProcessorConfig, RefusesWhatCannotBeUsedByKey) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"size", R"({"size": {"longest_edge": 64}})"},
      {"size", R"({"size": {"shortest_edge": 0}})"},
      {"crop_size", R"({"crop_size": {"height": 64}})"},
      {"resample", R"({"resample": 6})"},
      {"do_center_crop", R"({"do_center_crop": 1})"},
      {"image_std", R"({"image_std": 0})"},
      {"image_grid_pinpoints", R"({"image_grid_pinpoints": [[336]]})"},
      {"image_grid_pinpoints", R"({"image_grid_pinpoints": []})"}};
  expect_refused_by_key(rows,
                        [](const Json& json) { LlavaProcessorConfig::from_json(json, true); });
}

TEST(LlavaProcessorConfig, PaddingToASquareIsRefusedForLlava15) {
  EXPECT_THROW(LlavaProcessorConfig::from_json(Json{{"do_pad", true}}, false), UsageError);
  EXPECT_NO_THROW(LlavaProcessorConfig::from_json(Json{{"do_pad", true}}, true));
}

}  // namespace
}  // namespace headroom::models
