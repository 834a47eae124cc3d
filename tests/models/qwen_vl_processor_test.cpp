#include "models/qwen_vl_processor.h"

#include <gtest/gtest.h>

#include <tuple>

#include "base/errors.h"
#include "images/decode.h"
#include "processor_golden.h"

namespace headroom::models {
namespace {

using test::expect_pixels;
using test::expect_refused_by_key;
using test::read_table;
using test::test_data;

/// The reference's rows, with each channel once for each frame.
std::vector<float> with_frames(const std::vector<float>& patches,
                               const QwenVlProcessorConfig& config) {
  const std::size_t plane = std::size_t{config.patch_size} * config.patch_size;
  std::vector<float> all;
  all.reserve(patches.size() * config.frames);
  for (std::size_t from = 0; from < patches.size(); from += plane) {
    for (std::uint32_t frame = 0; frame < config.frames; ++frame) {
      all.insert(all.end(),
                 patches.begin() + static_cast<std::ptrdiff_t>(from),
                 patches.begin() + static_cast<std::ptrdiff_t>(from + plane));
    }
  }
  return all;
}

class PublishedQwen : public testing::TestWithParam<std::tuple<std::string, std::string>> {};

TEST_P(PublishedQwen, GivesTheReferencesGridsAndValues) {
  const auto& [name, backend] = GetParam();
  const Json table = read_table(test_data("processors/qwen_vl.json"));
  const Json& entry = table.at("cases").at(name);
  Json settings = entry.at("settings");
  settings["use_fast"] = backend == "torchvision";
  auto config = QwenVlProcessorConfig::from_json(settings);
  if (backend == "pil") {
    config.pass_order = images::PassOrder::kPillow12;
  }
  for (const auto& [file, expected] : entry.at(backend).items()) {
    if (file == "rotated.jpg") {
      continue;  // the reference processed pictures as stored
    }
    SCOPED_TRACE(file);
    const auto image = images::decode_file(test_data("processors/images") / file).image;
    const QwenGrid grid = qwen_grid(image.width, image.height, config);
    EXPECT_EQ(
        Json::parse("[[1," + std::to_string(grid.rows) + "," + std::to_string(grid.cols) + "]]"),
        expected.at("image_grid_thw"));
    const auto patches = qwen_patches(image, config);
    EXPECT_EQ(patches.size() * sizeof(float), grid.pixel_bytes);
    const auto pixels = with_frames(patches, config);
    const Json& shape = expected.at("pixel_values").at("shape");
    EXPECT_EQ(pixels.size(), shape.at(0).get<std::size_t>() * shape.at(1).get<std::size_t>());
    expect_pixels(pixels, expected.at("pixel_values"));
  }
}

INSTANTIATE_TEST_SUITE_P(Reference,
                         PublishedQwen,
                         testing::Combine(testing::Values("qwen2_vl", "qwen3_vl"),
                                          testing::Values("pil", "torchvision")),
                         [](const auto& one) {
                           return std::get<0>(one.param) + "_" + std::get<1>(one.param);
                         });

/// Sides, pixels at least and at most, a feature's side, and what the reference's smart_resize
/// gives; no result: it refuses.
TEST(QwenGridTest, SidesAreTheReferencesForAnySizeAndAspect) {
  const Json rows = read_table(test_data("processors/qwen_grids.json"));
  ASSERT_GT(rows.size(), 400U);
  for (const Json& row : rows) {
    QwenVlProcessorConfig config;
    config.min_pixels = row.at("min_pixels");
    config.max_pixels = row.at("max_pixels");
    config.patch_size = row.at("factor").get<std::uint32_t>() / 2;
    const auto width = row.at("width").get<std::uint32_t>();
    const auto height = row.at("height").get<std::uint32_t>();
    SCOPED_TRACE(row.dump());
    if (row.at("result").is_null()) {
      EXPECT_THROW(qwen_grid(width, height, config), InputError);
      continue;
    }
    const QwenGrid grid = qwen_grid(width, height, config);
    EXPECT_EQ(grid.rows * config.patch_size, row.at("result").at(0));
    EXPECT_EQ(grid.cols * config.patch_size, row.at("result").at(1));
  }
}

TEST(QwenGridTest, AStripThatTheReferenceRefusesIsRefusedWithItsSides) {
  try {
    qwen_grid(1005, 5, {});
    FAIL() << "taken";
  } catch (const InputError& error) {
    EXPECT_EQ(error.code(), "E-IMG-ASPECT");
    EXPECT_NE(std::string(error.what()).find("1005 x 5"), std::string::npos) << error.what();
  }
  EXPECT_NO_THROW(qwen_grid(1000, 5, {}));
}

TEST(QwenPatchesTest, SquaresOfPatchesStandTogetherRowByRow) {
  QwenVlProcessorConfig config;
  config.do_resize = false;
  config.patch_size = 1;
  config.pixels.do_rescale = false;
  config.pixels.do_normalize = false;
  images::Image image{4, 2, {}};
  for (std::uint8_t i = 0; i < 8; ++i) {
    image.rgb.insert(image.rgb.end(), {i, static_cast<std::uint8_t>(100 + i), 200});
  }
  const std::vector<float> patches = qwen_patches(image, config);
  std::vector<float> red;
  for (std::size_t i = 0; i < patches.size(); i += 3) {
    red.push_back(patches[i]);
    EXPECT_EQ(patches[i + 1], 100 + patches[i]);
  }
  EXPECT_EQ(red, (std::vector<float>{0, 1, 4, 5, 2, 3, 6, 7}));
}

TEST(QwenPatchesTest, WithoutResizingSidesMustFit) {
  QwenVlProcessorConfig config;
  config.do_resize = false;
  EXPECT_NO_THROW(qwen_grid(56, 28, config));
  EXPECT_THROW(qwen_grid(56, 30, config), InputError);
}

TEST(QwenVlProcessorConfigTest, ReadsEachWayInWhichTheLimitsWerePublished) {
  const auto limits = [](const char* text) {
    const auto config = QwenVlProcessorConfig::from_json(Json::parse(text));
    return std::pair(config.min_pixels, config.max_pixels);
  };
  EXPECT_EQ(limits("{}"), std::pair(3136UL, 1003520UL));
  EXPECT_EQ(limits(R"({"min_pixels": 3136, "max_pixels": 12845056})"),
            std::pair(3136UL, 12845056UL));
  EXPECT_EQ(limits(R"({"size": {"shortest_edge": 65536, "longest_edge": 16777216}})"),
            std::pair(65536UL, 16777216UL));
  EXPECT_EQ(limits(R"({"size": {"shortest_edge": 1, "longest_edge": 2}, "max_pixels": 500})"),
            std::pair(1UL, 500UL));
}

TEST(QwenVlProcessorConfigTest, TheFastProcessorResizesAsTorchvision) {
  const auto order = [](const char* text) {
    return QwenVlProcessorConfig::from_json(Json::parse(text)).pass_order;
  };
  EXPECT_EQ(order(R"({"image_processor_type": "Qwen2VLImageProcessorFast"})"),
            images::PassOrder::kTorchvision);
  EXPECT_EQ(order(R"({"use_fast": true})"), images::PassOrder::kTorchvision);
  EXPECT_EQ(order(R"({"image_processor_type": "Qwen2VLImageProcessor"})"),
            images::PassOrder::kPillow13);
  EXPECT_EQ(order(R"({"image_processor_type": "Qwen2VLImageProcessorFast", "use_fast": false})"),
            images::PassOrder::kPillow13);
}

TEST(QwenVlProcessorConfigTest, RefusesWhatCannotBeUsedByKey) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"size", R"({"size": {"height": 448, "width": 448}})"},
      {"size", R"({"size": {"shortest_edge": 3136}})"},
      {"size", R"({"size": 448})"},
      {"max_pixels", R"({"max_pixels": 0})"},
      {"min_pixels", R"({"min_pixels": "many"})"},
      {"patch_size", R"({"patch_size": 0})"},
      {"merge_size", R"({"merge_size": 65})"},
      {"temporal_patch_size", R"({"temporal_patch_size": 1.5})"},
      {"resample", R"({"resample": 6})"},
      {"do_resize", R"({"do_resize": 1})"}};
  expect_refused_by_key(rows, [](const Json& json) { QwenVlProcessorConfig::from_json(json); });
}

}  // namespace
}  // namespace headroom::models
