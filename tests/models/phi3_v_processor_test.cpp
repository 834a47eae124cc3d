#include "models/phi3_v_processor.h"

#include <gtest/gtest.h>

#include "base/errors.h"
#include "images/decode.h"
#include "processor_golden.h"
#include "support/sha256.h"

namespace headroom::models {
namespace {

using test::expect_pixels;
using test::expect_refused_by_key;
using test::read_table;
using test::test_data;

class PublishedPhi3V : public testing::TestWithParam<std::string> {};

TEST_P(PublishedPhi3V, GivesTheReferencesCanvasShapesAndValues) {
  const Json table = read_table(test_data("processors/phi3_v.json"));
  const Json& entry = table.at("cases").at(GetParam());
  const auto config = Phi3VProcessorConfig::from_json(entry.at("settings"));
  for (const auto& [file, expected] : entry.at("microsoft").items()) {
    if (file == "rotated.jpg") {
      continue;  // the reference processed pictures as stored
    }
    SCOPED_TRACE(file);
    const auto image = images::decode_file(test_data("processors/images") / file).image;
    const Phi3VCrops crops = phi3_v_crops(image.width, image.height, config);
    const images::Image canvas = phi3_v_canvas(image, crops, config);
    EXPECT_EQ(Json::array({canvas.height, canvas.width}), expected.at("image_sizes").at(0));
    EXPECT_EQ(test::sha256(canvas.rgb.data(), canvas.rgb.size()), expected.at("hd_sha256"));
    auto pixels = process_phi3_v(image, config);
    EXPECT_EQ(pixels.size() * sizeof(float), crops.pixel_bytes);
    const std::size_t size = std::size_t{3} * 336 * 336;
    expect_pixels(pixels.data(), size, expected.at("global_crop"));
    expect_pixels(pixels.data() + size, size, expected.at("first_crop"));
    expect_pixels(pixels.data() + pixels.size() - size, size, expected.at("last_crop"));
    pixels.resize((config.num_crops + 1) * size);  // the reference fills up with zeros
    expect_pixels(pixels.data(), pixels.size(), expected.at("pixel_values"));
  }
}

INSTANTIATE_TEST_SUITE_P(Reference,
                         PublishedPhi3V,
                         testing::Values("phi3_v_4", "phi3_v_16"),
                         [](const auto& setting) { return setting.param; });

Phi3VProcessorConfig with_crops(std::uint32_t crops) {
  Phi3VProcessorConfig config;
  config.num_crops = crops;
  return config;
}

TEST(Phi3VCropsTest, AnySizeAndAspectIsTaken) {
  for (const auto& [width, height] :
       {std::pair(1U, 1U), {7U, 5U}, {2000U, 100U}, {100U, 2000U}, {1U, 3000U}, {9000U, 1U}}) {
    for (const std::uint32_t most : {1U, 4U, 16U}) {
      const auto config = with_crops(most);
      const images::Image image{
          width, height, std::vector<std::uint8_t>(std::size_t{width} * height * 3, 90)};
      const Phi3VCrops crops = phi3_v_crops(width, height, config);
      EXPECT_LE(crops.tiles(), most + 1);
      EXPECT_EQ(process_phi3_v(image, config).size() * sizeof(float), crops.pixel_bytes);
      EXPECT_GE(crops.transient_bytes, crops.pixel_bytes);
    }
  }
}

TEST(Phi3VCropsTest, FewerTilesTakeFewerCropsDownToOne) {
  const auto config = with_crops(16);
  EXPECT_EQ(phi3_v_crops(1000, 1000, config).tiles(), 17U);
  EXPECT_EQ(phi3_v_crops(1000, 1000, config, 10).tiles(), 10U);
  EXPECT_EQ(phi3_v_crops(1000, 1000, config, 9).tiles(), 5U);
  EXPECT_EQ(phi3_v_crops(1000, 1000, config, 1).tiles(), 2U);
}

TEST(CutAtPictures, GivesThePiecesBetweenNumberedPlaces) {
  const std::vector<std::string> wanted = {"a ", " b", "<|image_x|>"};
  EXPECT_EQ(cut_at_pictures("a <|image_1|> b<|image_2|><|image_x|>", 2), wanted);
}

TEST(CutAtPictures, RefusesOtherPlacesThanThePicturesInOrder) {
  for (const std::string prompt :
       {"none", "<|image_1|><|image_2|>", "<|image_2|>", "<|image_01|>"}) {
    try {
      cut_at_pictures(prompt, 1);
      ADD_FAILURE() << prompt;
    } catch (const InputError& error) {
      EXPECT_EQ(error.code(), "E-PROMPT-IMAGES");
      EXPECT_NE(std::string(error.what()).find("1 pictures"), std::string::npos) << error.what();
    }
  }
}

TEST(Phi3VProcessorConfigTest, RefusesWhatCannotBeUsedByKey) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"num_crops", R"({"num_crops": 0})"},
      {"num_crops", R"({"num_crops": "4"})"},
      {"image_mean", R"({"image_mean": [1, 2]})"},
      {"image_std", R"({"image_std": 0})"}};
  expect_refused_by_key(rows, [](const Json& json) { Phi3VProcessorConfig::from_json(json); });
}

}  // namespace
}  // namespace headroom::models
