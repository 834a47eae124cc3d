#include "models/siglip_processor.h"

#include <gtest/gtest.h>

#include "images/decode.h"
#include "processor_golden.h"

namespace headroom::models {
namespace {

using test::expect_pixels;
using test::expect_refused_by_key;
using test::read_table;
using test::test_data;

void expect_case(const Json& entry, bool gemma3, images::PassOrder order) {
  const bool fast = order == images::PassOrder::kTorchvision;
  Json settings = entry.at("settings");
  settings["use_fast"] = fast;
  auto config = SiglipProcessorConfig::from_json(settings, gemma3);
  EXPECT_EQ(config.pass_order == images::PassOrder::kTorchvision, fast);
  config.pass_order = order;
  for (const auto& [file, expected] : entry.at(fast ? "torchvision" : "pil").items()) {
    if (file == "rotated.jpg") {
      continue;  // the reference processed pictures as stored
    }
    SCOPED_TRACE(file);
    const auto image = images::decode_file(test_data("processors/images") / file).image;
    const SiglipTiles tiles = siglip_tiles(image.width, image.height, config);
    const Json& shape = expected.at("pixel_values").at("shape");
    EXPECT_EQ(tiles.tiles, shape.at(0));
    EXPECT_EQ(config.height, shape.at(2));
    EXPECT_EQ(config.width, shape.at(3));
    const auto pixels = process_siglip(image, config);
    ASSERT_EQ(pixels.size() * sizeof(float), tiles.pixel_bytes);
    expect_pixels(pixels, expected.at("pixel_values"));
  }
}

TEST(PublishedSiglip, PaliGemmasValuesAreTheReferences) {
  expect_case(read_table(test_data("processors/siglip.json")).at("cases").at("paligemma_224"),
              false,
              images::PassOrder::kPillow12);
}

TEST(PublishedSiglip, Gemma3sValuesAreTheReferences) {
  expect_case(read_table(test_data("processors/siglip.json")).at("cases").at("gemma3"),
              true,
              images::PassOrder::kPillow12);
}

TEST(PublishedSiglip, TheFastProcessorsValuesAreTorchvisions) {
  const Json cases = read_table(test_data("processors/torchvision.json")).at("cases");
  expect_case(cases.at("paligemma_224"), false, images::PassOrder::kTorchvision);
  expect_case(cases.at("gemma3"), true, images::PassOrder::kTorchvision);
}

TEST(PublishedSiglip, Gemma3sCropsAreTheReferences) {
  expect_case(read_table(test_data("processors/siglip_crops.json")).at("cases").at("gemma3"),
              true,
              images::PassOrder::kPillow13);
}

SiglipProcessorConfig with_crops(const std::string& more = "{}") {
  Json settings = Json::parse(more);
  settings["size"] = Json{{"height", 32}, {"width", 32}};
  settings["do_pan_and_scan"] = true;
  return SiglipProcessorConfig::from_json(settings, true);
}

TEST(PanAndScanTest, CropsAlongTheLongerSideOfPicturesFarFromSquare) {
  struct Row {
    std::uint32_t width, height, rows, cols;
  };

  const auto config = with_crops();
  // Worked out from the reference's rule: at least 1.2 to 1, crops of 256 pixels at least, 2 to 4.
  for (const Row& row : {Row{1000, 900, 0, 0},
                         {1200, 1000, 1, 2},
                         {1000, 400, 1, 3},
                         {400, 1000, 3, 1},
                         {4000, 400, 1, 4},
                         {700, 300, 1, 2},
                         {600, 100, 0, 0},
                         {300, 200, 0, 0},
                         {1, 1, 0, 0},
                         {20, 1, 0, 0}}) {
    const SiglipTiles tiles = siglip_tiles(row.width, row.height, config);
    EXPECT_EQ(tiles.rows, row.rows) << row.width << " x " << row.height;
    EXPECT_EQ(tiles.cols, row.cols) << row.width << " x " << row.height;
    EXPECT_EQ(tiles.tiles, 1 + row.rows * row.cols);
  }
}

TEST(PanAndScanTest, ALimitOfTilesLeavesFewerCropsAndThenNone) {
  const auto config = with_crops();
  EXPECT_EQ(siglip_tiles(4000, 400, config, 4).tiles, 4U);
  EXPECT_EQ(siglip_tiles(4000, 400, config, 3).tiles, 3U);
  EXPECT_EQ(siglip_tiles(4000, 400, config, 2).tiles, 1U);
  EXPECT_EQ(siglip_tiles(4000, 400, config, 1).tiles, 1U);
}

TEST(PanAndScanTest, IsOffUnlessTheSettingsTurnItOn) {
  const Json settings = Json::parse(R"({"pan_and_scan_min_crop_size": 4})");
  EXPECT_EQ(siglip_tiles(4000, 400, SiglipProcessorConfig::from_json(settings, true)).tiles, 1U);
  EXPECT_FALSE(SiglipProcessorConfig::from_json({{"do_pan_and_scan", true}}, false).crops)
      << "PaliGemma has none";
}

TEST(SiglipTilesTest, AnySizeAndAspectIsTaken) {
  const auto config =
      with_crops(R"({"pan_and_scan_min_crop_size": 1, "pan_and_scan_max_num_crops": 9})");
  for (const auto& [width, height] :
       {std::pair(1U, 1U), {7U, 5U}, {2000U, 100U}, {100U, 2000U}, {1U, 3000U}, {9U, 2U}}) {
    SCOPED_TRACE(std::to_string(width) + " x " + std::to_string(height));
    const images::Image image{
        width, height, std::vector<std::uint8_t>(std::size_t{width} * height * 3, 90)};
    const SiglipTiles tiles = siglip_tiles(width, height, config);
    const auto pixels = process_siglip(image, config);
    EXPECT_EQ(pixels.size() * sizeof(float), tiles.pixel_bytes);
    EXPECT_GE(tiles.transient_bytes, tiles.pixel_bytes);
    EXPECT_NEAR(pixels.front(), 90 / 127.5 - 1, 1e-6);
    EXPECT_NEAR(pixels.back(), 90 / 127.5 - 1, 1e-6);
  }
}

TEST(SiglipProcessorConfigTest, DefaultsAreTheReferences) {
  const auto siglip = SiglipProcessorConfig::from_json(Json::object(), false);
  EXPECT_EQ(siglip.height, 224U);
  EXPECT_EQ(siglip.resample, images::Filter::kBicubic);
  EXPECT_EQ(siglip.pixels.mean[0], 0.5);
  EXPECT_EQ(SiglipProcessorConfig::from_json(Json::object(), true).resample,
            images::Filter::kBilinear);
}

TEST(SiglipProcessorConfigTest, RefusesWhatCannotBeUsedByKey) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"size", R"({"size": {"shortest_edge": 64}})"},
      {"size", R"({"size": {"height": 0, "width": 5}})"},
      {"resample", R"({"resample": 6})"},
      {"do_resize", R"({"do_resize": false})"},
      {"image_std", R"({"image_std": 0})"},
      {"do_pan_and_scan", R"({"do_pan_and_scan": 1})"},
      {"pan_and_scan_max_num_crops",
       R"({"do_pan_and_scan": true, "pan_and_scan_max_num_crops": 0})"},
      {"pan_and_scan_min_crop_size",
       R"({"do_pan_and_scan": true, "pan_and_scan_min_crop_size": "a"})"},
      {"pan_and_scan_min_ratio_to_activate",
       R"({"do_pan_and_scan": true, "pan_and_scan_min_ratio_to_activate": 0})"}};
  expect_refused_by_key(rows,
                        [](const Json& json) { SiglipProcessorConfig::from_json(json, true); });
}

}  // namespace
}  // namespace headroom::models
