#include "models/internvl_processor.h"

#include <gtest/gtest.h>

#include "base/errors.h"
#include "base/files.h"
#include "images/decode.h"

namespace headroom::models {
namespace {

std::filesystem::path test_data(const std::string& below) {
  return std::filesystem::path(HEADROOM_TEST_DATA) / below;
}

TEST(PublishedInternVl, GivesTheReferencesShapesAndValues) {
  const auto path = test_data("processors/internvl.json");
  const Json table = parse_json(read_file(path), path.string());
  const Json& entry = table.at("cases").at("internvl");
  auto config = InternVlProcessorConfig::from_json(entry.at("settings"));
  config.pass_order = images::PassOrder::kPillow12;
  for (const auto& [file, expected] : entry.at("pil").items()) {
    if (file == "rotated.jpg") {
      continue;  // the reference processed pictures as stored
    }
    SCOPED_TRACE(file);
    const auto image = images::decode_file(test_data("processors/images") / file).image;
    const InternVlTiles tiles = internvl_tiles(image.width, image.height, config);
    EXPECT_EQ(tiles.tiles(), expected.at("num_patches").at(0));
    const auto pixels = process_internvl(image, config);
    EXPECT_EQ(pixels.size() * sizeof(float), tiles.pixel_bytes);
    const Json& values = expected.at("pixel_values");
    const auto& samples = values.at("samples");
    for (std::size_t k = 0; k < samples.size(); ++k) {
      ASSERT_NEAR(pixels[7919 * k % pixels.size()], samples[k].get<double>(), 1e-5) << k;
    }
    double sum = 0;
    for (const float value : pixels) {
      sum += value;
    }
    EXPECT_NEAR(sum / static_cast<double>(pixels.size()), values.at("mean").get<double>(), 1e-5);
  }
}

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
  for (const auto& [key, text] : rows) {
    try {
      InternVlProcessorConfig::from_json(Json::parse(text));
      ADD_FAILURE() << "accepted " << text;
    } catch (const UsageError& error) {
      EXPECT_EQ(error.code(), "E-PROCESSOR") << text;
      EXPECT_NE(std::string(error.what()).find('"' + key + '"'), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace headroom::models
