#include "models/smolvlm_processor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "base/errors.h"
#include "base/files.h"
#include "images/decode.h"
#include "models/qwen_vl_processor.h"
#include "processor_golden.h"
#include "support/sha256.h"
#include "support/temporary_folder.h"

namespace headroom::models {
namespace {

using test::read_table;
using test::test_data;

Json demo(const std::string& file) {
  return read_table(std::filesystem::path(HEADROOM_SOURCE_DIR) / "assets/demo/model" / file);
}

/// The reference processed pictures as stored: the one that is turned is left out.
images::Image picture(const std::filesystem::path& path) { return images::decode_file(path).image; }

void expect_pixels(const ProcessedPicture& result, const Json& expected, double tolerance) {
  const auto& shape = expected.at("shape");
  ASSERT_EQ(result.tiles, shape.at(1));
  ASSERT_EQ(result.tile_height, shape.at(3));
  ASSERT_EQ(result.tile_width, shape.at(4));
  ASSERT_EQ(result.pixels.size(),
            std::size_t{result.tiles} * 3 * result.tile_height * result.tile_width);
  const auto& samples = expected.at("samples");
  for (std::size_t k = 0; k < samples.size(); ++k) {
    const std::size_t at = 7919 * k % result.pixels.size();
    ASSERT_NEAR(result.pixels[at], samples[k].get<double>(), tolerance) << "sample " << k;
  }
  double sum = 0;
  for (const float value : result.pixels) {
    sum += value;
  }
  const double mean = expected.at("mean");  // summed in float there
  EXPECT_NEAR(
      sum / static_cast<double>(result.pixels.size()), mean, 1e-6 * std::max(1.0, std::fabs(mean)));
}

std::string pixels_sha256(const ProcessedPicture& result) {
  return test::sha256(result.pixels.data(), result.pixels.size() * sizeof(float));
}

class PublishedSettings : public testing::TestWithParam<std::tuple<std::string, std::string>> {};

TEST_P(PublishedSettings, GiveTheReferencesShapesAndValues) {
  const auto& [name, backend] = GetParam();
  const bool fast = backend == "torchvision";
  const Json table = read_table(
      test_data(fast ? "processors/torchvision.json" : "processors/smolvlm_idefics3.json"));
  const Json& entry = table.at("cases").at(name);
  Json settings = entry.at("settings");
  settings["use_fast"] = fast;
  auto config = SmolVlmProcessorConfig::from_json(settings);
  if (!fast) {
    config.pass_order = images::PassOrder::kPillow12;
  }
  for (const auto& [file, expected] : entry.at(backend).items()) {
    if (file == "rotated.jpg") {
      continue;
    }
    SCOPED_TRACE(file);
    const auto image = picture(test_data("processors/images") / file);
    expect_pixels(process(image, config), expected.at("pixel_values"), 1e-5);
    EXPECT_EQ(tiles_for(image.width, image.height, config).tiles,
              expected.at("pixel_values").at("shape").at(1));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Reference,
    PublishedSettings,
    testing::Combine(testing::Values("smolvlm", "smolvlm_no_split", "idefics3_364"),
                     testing::Values("pil", "torchvision")),
    [](const auto& one) { return std::get<0>(one.param) + "_" + std::get<1>(one.param); });

TEST(DemoProcessor, GivesThePixelsOfTheDemosGoldens) {
  const auto config = SmolVlmProcessorConfig::from_json(demo("preprocessor_config.json"),
                                                        demo("processor_config.json"));
  const Json goldens = read_table(test_data("demo/demo_goldens.json"));
  std::size_t compared = 0;
  const auto compare = [&](const std::string& name, const Json& step) {
    if (!step.contains("pixel_samples")) {
      return;  // of a turn, or a text alone, without a picture of its own
    }
    SCOPED_TRACE(name);
    const auto path = name.starts_with("test/") ? std::filesystem::path(HEADROOM_SOURCE_DIR) /
                                                      "assets/demo/easy-vqa" / name
                                                : test_data("demo") / name;
    const Json expected{{"shape", step.at("pixel_shape")},
                        {"mean", step.at("pixel_mean")},
                        {"samples", step.at("pixel_samples")}};
    expect_pixels(process(picture(path), config), expected, 1e-5);
    ++compared;
  };
  for (const Json& golden : goldens.at("single")) {
    compare(golden.at("image"), golden);
  }
  for (const Json& golden : goldens.at("conversations")) {
    for (const Json& step : golden.at("steps")) {
      compare(golden.at("image"), step);
    }
  }
  EXPECT_GE(compared, 44U);
}

TEST(DemoProcessor, TakesStripsOfOneAndThreePixels) {
  const auto folder = test_data("cases/35-one-pixel-strips");
  const Json expected = read_table(folder / "expected.json").at("processor");
  const auto config = SmolVlmProcessorConfig::from_json(demo("preprocessor_config.json"),
                                                        demo("processor_config.json"));
  for (const auto& [file, entry] : expected.items()) {
    SCOPED_TRACE(file);
    const auto image = picture(folder / "input" / file);
    const auto result = process(image, config);
    expect_pixels(result, entry.at("pixels"), 1e-5);
    EXPECT_EQ(pixels_sha256(result), entry.at("pixels").at("sha256_float32"));
    EXPECT_EQ(tiles_for(image.width, image.height, config).image_tokens, entry.at("image_tokens"));
  }
}

/// The demo's preprocessor_config.json after a variant's operations, all of kind "set".
Json changed_preprocessor(const Json& operations) {
  Json table = demo("preprocessor_config.json");
  for (const Json& operation : operations) {
    EXPECT_EQ(operation.at("op"), "set");
    table[operation.at("path").at(0).get<std::string>()] = operation.at("value");
  }
  return table;
}

std::size_t count(const std::string& text, const std::string& word) {
  std::size_t found = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    ++found;
  }
  return found;
}

void expect_like_reference(const SmolVlmProcessorConfig& config,
                           const images::Image& image,
                           const Json& expected) {
  const auto result = process(image, config);
  const auto plan = tiles_for(image.width, image.height, config);
  expect_pixels(result, expected.at("pixels"), expected.at("pixels").at("mean") > 100 ? 0 : 1e-5);
  EXPECT_EQ(pixels_sha256(result), expected.at("pixels").at("sha256_float32"));
  EXPECT_EQ(plan.image_tokens, expected.at("image_tokens"));
  const std::string text =
      image_token_string(plan.rows, plan.cols, config.image_seq_len, config.tokens);
  EXPECT_EQ(count(text, "<image>"), expected.at("image_tokens"));
  EXPECT_EQ(count(text, "<row_"), expected.at("crops").size());
  for (const auto& crop : expected.at("crops")) {
    EXPECT_EQ(count(text, crop.get<std::string>()), 1U) << crop;
  }
}

TEST(ProcessorSwitches, DoAsTheReferenceOrAreRefusedByTheirKey) {
  const auto folder = test_data("cases/40-processor-switches");
  const Json changes = read_table(folder / "input/changes.json").at("variants");
  const Json expected = read_table(folder / "expected.json").at("variants");
  for (const auto& [variant, entry] : expected.items()) {
    for (const auto& [file, wanted] : entry.at("pictures").items()) {
      SCOPED_TRACE(variant + " " + file);
      const Json preprocessor = changed_preprocessor(changes.at(variant));
      if (wanted.contains("reference_error")) {
        const std::string key = changes.at(variant).at(0).at("path").at(0);
        try {
          SmolVlmProcessorConfig::from_json(preprocessor, demo("processor_config.json"));
          ADD_FAILURE() << "accepted";
        } catch (const UsageError& error) {
          EXPECT_EQ(error.code(), "E-PROCESSOR");
          EXPECT_NE(std::string(error.what()).find('"' + key + '"'), std::string::npos)
              << error.what();
        }
        continue;
      }
      const auto config =
          SmolVlmProcessorConfig::from_json(preprocessor, demo("processor_config.json"));
      expect_like_reference(config, picture(folder / "input" / file), wanted);
    }
  }
}

TEST(TilesFor, FollowsTheReferenceThroughSizesAndAspects) {
  const Json table = read_table(test_data("processors/tiles.json"));
  for (const auto& row : table.at("tiles")) {
    SmolVlmProcessorConfig config;
    config.do_resize = row.at(0);
    config.do_image_splitting = row.at(1);
    config.size = {.longest_edge = row.at(2).get<std::uint32_t>()};
    config.tile_side = row.at(3);
    const TilePlan plan = tiles_for(row.at(4), row.at(5), config);
    const Json ours = {plan.rows,
                       plan.cols,
                       plan.tiles,
                       plan.resized_width,
                       plan.resized_height,
                       plan.canvas_width,
                       plan.canvas_height};
    EXPECT_EQ(ours, Json(row.begin() + 6, row.end())) << row;
  }
}

TEST(TilesFor, RefusesACanvasBeyondArithmetic) {
  SmolVlmProcessorConfig config;
  config.do_resize = false;
  EXPECT_THROW(tiles_for(178'000'000, 1, config), InputError);
}

struct TileCase {
  std::uint32_t width;
  std::uint32_t height;
  std::uint32_t most;
  std::uint32_t rows;
  std::uint32_t cols;
};

TEST(WithinTiles, TakesTheLargestGridOfAReducedSideThatFits) {
  const SmolVlmProcessorConfig config;  // 1456, tiles of 364
  for (const TileCase& c : std::vector<TileCase>{{1000, 1000, 0, 4, 4},
                                                 {1000, 1000, 17, 4, 4},
                                                 {1000, 1000, 16, 3, 3},
                                                 {1000, 1000, 10, 3, 3},
                                                 {1000, 1000, 9, 2, 2},
                                                 {1000, 1000, 5, 2, 2},
                                                 {1000, 1000, 4, 0, 0},
                                                 {1000, 1000, 1, 0, 0},
                                                 {4000, 1000, 5, 1, 4},
                                                 {4000, 1000, 4, 1, 3},
                                                 {1000, 4000, 3, 2, 1},
                                                 {1000, 4000, 2, 0, 0}}) {
    const auto reduced = within_tiles(config, c.width, c.height, c.most);
    const TilePlan plan = tiles_for(c.width, c.height, reduced);
    SCOPED_TRACE(std::to_string(c.width) + " x " + std::to_string(c.height) + " within " +
                 std::to_string(c.most));
    EXPECT_EQ(plan.rows, c.rows);
    EXPECT_EQ(plan.cols, c.cols);
    EXPECT_EQ(plan.image_tokens, plan.tiles * 169ULL);
  }
}

TEST(WithinTiles, FitsForEverySizeAndLimitAndNeverHoldsMore) {
  for (const bool resize : {true, false}) {
    for (const std::uint32_t tile : {364U, 365U, 64U}) {
      SmolVlmProcessorConfig config;
      config.do_resize = resize;
      config.tile_side = tile;
      for (const auto& [width, height] :
           {std::pair(1U, 1U), {64U, 8000U}, {8000U, 8000U}, {365U, 365U}, {3000U, 700U}}) {
        const TilePlan whole = tiles_for(width, height, config);
        for (std::uint32_t most = 1; most < 20; ++most) {
          const TilePlan plan = tiles_for(width, height, within_tiles(config, width, height, most));
          EXPECT_LE(plan.tiles, most) << width << " x " << height << ", tiles of " << tile;
          EXPECT_LE(plan.pixel_bytes, whole.pixel_bytes);
        }
      }
    }
  }
}

/// A reduced grid is what the reference makes with that longest side, so its goldens hold for it.
TEST(WithinTiles, IsTheProcessorWithASmallerLongestSide) {
  const SmolVlmProcessorConfig config;
  SmolVlmProcessorConfig smaller;
  smaller.size = {.longest_edge = 2 * 364};
  images::Image image{600, 400, std::vector<std::uint8_t>(600 * 400 * 3)};
  for (std::size_t i = 0; i < image.rgb.size(); ++i) {
    image.rgb[i] = static_cast<std::uint8_t>(i * 7 % 251);
  }
  EXPECT_EQ(process(image, within_tiles(config, 600, 400, 5)).pixels,
            process(image, smaller).pixels);
}

TEST(TilesFor, CountsTheResultAndThePicturesBeforeIt) {
  const SmolVlmProcessorConfig config;  // 1456, tiles of 364
  const TilePlan plan = tiles_for(1456, 1456, config);
  EXPECT_EQ(plan.tiles, 17U);
  EXPECT_EQ(plan.pixel_bytes, 17ULL * 3 * 364 * 364 * 4);
  EXPECT_GE(plan.transient_bytes, plan.pixel_bytes + 1456ULL * 1456 * 3);
}

TEST(ImageTokenString, IsWhatBothProcessorsWrite) {
  const Json table = read_table(test_data("processors/tiles.json"));
  for (const auto& entry : table.at("strings")) {
    const std::string text =
        image_token_string(entry.at("rows"), entry.at("cols"), entry.at("image_seq_len"));
    EXPECT_EQ(text, entry.at("smolvlm"));
    EXPECT_EQ(text, entry.at("idefics3"));
  }
}

TEST(ExpandImageTokens, PutsEachPictureIntoItsPlace) {
  SmolVlmProcessorConfig config;
  config.image_seq_len = 1;
  config.tokens = {"<i>", "<f>", "<g>"};
  TilePlan one;
  TilePlan two;
  two.rows = 1;
  two.cols = 2;
  const std::vector<TilePlan> plans = {one, two};
  EXPECT_EQ(expand_image_tokens("a <i> b<i>", plans, config),
            "a <f><g><i><f> b<f><row_1_col_1><i><f><row_1_col_2><i>\n\n<f><g><i><f>");
}

TEST(ExpandImageTokens, RefusesAnotherNumberOfPlacesWithBothNumbers) {
  const SmolVlmProcessorConfig config;
  const std::vector<TilePlan> plans(1);
  for (const std::string prompt : {"no place", "<image> and <image>"}) {
    try {
      expand_image_tokens(prompt, plans, config);
      ADD_FAILURE() << prompt;
    } catch (const InputError& error) {
      EXPECT_EQ(error.code(), "E-PROMPT-IMAGES");
      const std::string message = error.what();
      EXPECT_NE(message.find(prompt == "no place" ? "0 places" : "2 places"), std::string::npos);
      EXPECT_NE(message.find("1 pictures"), std::string::npos) << message;
    }
  }
}

TEST(ProcessorConfig, TakesAbsentAndNullAsTheDefault) {
  const auto config = SmolVlmProcessorConfig::from_json(
      Json::parse(R"({"do_resize": null, "size": null, "resample": null, "image_mean": null})"));
  EXPECT_TRUE(config.do_resize);
  EXPECT_EQ(config.size.longest_edge, 1456U);
  EXPECT_EQ(config.tile_side, 364U);
  EXPECT_EQ(config.resample, images::Filter::kLanczos);
  EXPECT_EQ(config.pixels.mean[0], 0.5);
  EXPECT_EQ(config.image_seq_len, 169U);
}

TEST(ProcessorConfig, PrefersTheTableInProcessorConfig) {
  const auto config = SmolVlmProcessorConfig::from_json(
      Json::parse(R"({"resample": 2})"),
      Json::parse(R"({"image_seq_len": 64, "image_processor": {"resample": 3}})"));
  EXPECT_EQ(config.resample, images::Filter::kBicubic);
  EXPECT_EQ(config.image_seq_len, 64U);
}

TEST(ProcessorConfig, AsksTheTokenizerForOtherWordsUnlessItIsIdefics3) {
  const Json tokenizer = Json::parse(R"({"image_token": {"content": "<img>"},
      "extra_special_tokens": {"fake_image_token": "<fake>", "global_image_token": ""}})");
  const auto smolvlm = SmolVlmProcessorConfig::from_json(Json::object(), Json::object(), tokenizer);
  EXPECT_EQ(smolvlm.tokens.image, "<img>");
  EXPECT_EQ(smolvlm.tokens.fake, "<fake>");
  EXPECT_EQ(smolvlm.tokens.global, "<global-img>");
  const auto idefics3 = SmolVlmProcessorConfig::from_json(
      Json::object(), Json::parse(R"({"processor_class": "Idefics3Processor"})"), tokenizer);
  EXPECT_EQ(idefics3.tokens.image, "<image>");
}

TEST(ProcessorConfig, RefusesWhatCannotBeUsedByKey) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"size", R"({"size": {"shortest_edge": 64}})"},
      {"size", R"({"size": {"longest_edge": 0}})"},
      {"size", R"({"size": {"longest_edge": 64, "height": 3}})"},
      {"size", R"({"size": {"height": 64}})"},
      {"size", R"({"size": {"max_height": 64, "max_width": 64}})"},
      {"size", R"({"size": "big"})"},
      {"size", R"({"size": [64]})"},
      {"size", R"({"size": -64})"},
      {"size", R"({"size": 64.5})"},
      {"size", R"({"size": {}})"},
      {"max_image_size", R"({"max_image_size": {"height": 64, "width": 64}})"},
      {"max_image_size", R"({"max_image_size": {"longest_edge": 1000000}})"},
      {"resample", R"({"resample": 6})"},
      {"resample", R"({"resample": "lanczos"})"},
      {"do_resize", R"({"do_resize": "yes"})"},
      {"do_image_splitting", R"({"do_image_splitting": 1})"},
      {"rescale_factor", R"({"rescale_factor": "1/255"})"},
      {"image_mean", R"({"image_mean": [0.5, 0.5]})"},
      {"image_mean", R"({"image_mean": [0.5, 0.5, "x"]})"},
      {"image_std", R"({"image_std": [0.5, 0.5, 0]})"},
      {"image_std", R"({"image_std": 0})"}};
  for (const auto& [key, text] : rows) {
    try {
      SmolVlmProcessorConfig::from_json(Json::parse(text));
      ADD_FAILURE() << "accepted " << text;
    } catch (const UsageError& error) {
      EXPECT_EQ(error.code(), "E-PROCESSOR") << text;
      EXPECT_NE(std::string(error.what()).find('"' + key + '"'), std::string::npos) << error.what();
    }
  }
}

TEST(ProcessorConfig, LeavesAnUnusableSizeAloneThatIsNotUsed) {
  const auto config = SmolVlmProcessorConfig::from_json(
      Json::parse(R"({"do_resize": false, "size": {"shortest_edge": 64}})"));
  EXPECT_FALSE(config.do_resize);
}

TEST(ProcessorConfig, ReadsTheDemosFolder) {
  const auto config = SmolVlmProcessorConfig::load(std::filesystem::path(HEADROOM_SOURCE_DIR) /
                                                   "assets/demo/model");
  ASSERT_TRUE(config.has_value());
  EXPECT_EQ(config->tile_side, 64U);
  EXPECT_EQ(config->image_seq_len, 16U);
  EXPECT_FALSE(config->do_image_splitting);
}

TEST(ProcessorConfig, AFolderWithoutSettingsHasNone) {
  EXPECT_FALSE(SmolVlmProcessorConfig::load(test_data("images")).has_value());
}

TEST(ProcessorConfig, ARefusalNamesTheFileThatHasTheSettingTheKeyAndWhatIsAccepted) {
  const auto refusal = [](const char* file, const char* settings) {
    test::TemporaryFolder folder;
    std::ofstream(folder / file) << settings;
    try {
      QwenVlProcessorConfig::load(folder.path());
      return std::string("loaded");
    } catch (const UsageError& error) {
      return std::string(error.what()).substr(folder.path().string().size());
    }
  };
  EXPECT_EQ(refusal("preprocessor_config.json", R"({"do_rescale": 3})"),
            "/preprocessor_config.json: \"do_rescale\" is 3; true or false is accepted");
  EXPECT_EQ(refusal("processor_config.json", R"({"image_processor": {"do_rescale": 3}})"),
            "/processor_config.json: in \"image_processor\": \"do_rescale\" is 3; true or false is "
            "accepted");
}

TEST(ProcessorConfig, NamesTheFilesLookedForWhenOneHoldsNoSettings) {
  test::TemporaryFolder folder;
  std::ofstream(folder / "processor_config.json") << "{}";
  try {
    SmolVlmProcessorConfig::load(folder.path());
    FAIL() << "loaded";
  } catch (const UsageError& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("preprocessor_config.json"), std::string::npos) << message;
    EXPECT_NE(message.find("processor_config.json"), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace headroom::models
