#include "models/moondream_processor.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/files.h"
#include "base/json.h"
#include "images/decode.h"
#include "support/sha256.h"

namespace headroom::models {
namespace {

std::filesystem::path test_data(const std::string& below) {
  return std::filesystem::path(HEADROOM_TEST_DATA) / below;
}

const Json& table() {
  static const Json table = [] {
    const auto path = test_data("processors/moondream2.json");
    return parse_json(read_file(path), path.string());
  }();
  return table;
}

/// The samples that the numbers were made of, as the reference stores crops: [tiles, side, side,
/// 3].
std::vector<std::uint8_t> samples_of(const std::vector<float>& pixels, std::size_t side) {
  std::vector<std::uint8_t> samples(pixels.size());
  const std::size_t plane = side * side;
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    const std::size_t tile = i / (3 * plane);
    const std::size_t channel = i / plane % 3;
    samples[(tile * plane + i % plane) * 3 + channel] =
        static_cast<std::uint8_t>(std::lround((pixels[i] * 0.5F + 0.5F) * 255.0F));
  }
  return samples;
}

TEST(MoondreamCropsTest, AreTheReferencesWithPillow) {
  const MoondreamCropSettings settings;
  for (const auto& [file, expected] : table().at("cases").at("pil").items()) {
    if (file == "rotated.jpg") {
      continue;  // the reference processed pictures as stored
    }
    SCOPED_TRACE(file);
    const auto image = images::decode_file(test_data("processors/images") / file).image;
    const MoondreamCrops crops = moondream_crops(image.width, image.height, settings);
    EXPECT_EQ(Json::array({crops.rows, crops.cols}), expected.at("tiling"));
    EXPECT_EQ(crops.tiles(), expected.at("shape").at(0));
    const auto pixels = process_moondream(image, settings);
    EXPECT_EQ(pixels.size() * sizeof(float), crops.pixel_bytes);
    const auto samples = samples_of(pixels, settings.crop);
    EXPECT_EQ(test::sha256(samples.data(), samples.size()), expected.at("sha256"));
    const auto& values = expected.at("samples");
    for (std::size_t k = 0; k < values.size(); ++k) {
      const std::size_t at = 7919 * k % samples.size();
      ASSERT_EQ(samples[at], values[k].get<int>()) << k;
    }
  }
}

TEST(MoondreamCropsTest, TilingsAreTheReferences) {
  for (const auto& [sides, expected] : table().at("tilings").items()) {
    const auto cross = sides.find('x');
    const auto width = static_cast<std::uint32_t>(std::stoul(sides.substr(0, cross)));
    const auto height = static_cast<std::uint32_t>(std::stoul(sides.substr(cross + 1)));
    const MoondreamCrops crops = moondream_crops(width, height, {});
    EXPECT_EQ(Json::array({crops.rows, crops.cols}), expected) << sides;
  }
}

TEST(MoondreamCropsTest, AnySizeAndAspectIsTaken) {
  for (const auto& [width, height] :
       {std::pair(1U, 1U), {7U, 5U}, {2000U, 100U}, {379U, 9000U}, {9000U, 400U}}) {
    const images::Image image{
        width, height, std::vector<std::uint8_t>(std::size_t{width} * height * 3, 90)};
    const MoondreamCrops crops = moondream_crops(width, height, {});
    EXPECT_EQ(process_moondream(image, {}).size() * sizeof(float), crops.pixel_bytes);
    EXPECT_GE(crops.transient_bytes, crops.pixel_bytes);
  }
}

TEST(MoondreamCropsTest, ALimitIsKeptDownToTheWholePictureAndOneCrop) {
  for (std::uint32_t most = 2; most < 14; ++most) {
    for (const auto& [width, height] : {std::pair(1000U, 1000U), {9000U, 400U}, {500U, 4000U}}) {
      EXPECT_LE(moondream_crops(width, height, {}, most).tiles(), most);
    }
  }
  EXPECT_EQ(moondream_crops(1000, 1000, {}, 1).tiles(), 2U);
  EXPECT_EQ(moondream_crops(1000, 1000, {}, 10).tiles(), 10U);
}

}  // namespace
}  // namespace headroom::models
