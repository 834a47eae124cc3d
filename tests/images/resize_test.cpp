#include "images/resize.h"

#include <gtest/gtest.h>

#include "picture_cases.h"

namespace headroom::images {
namespace {

struct ResizeCase {
  std::string name;
  Filter filter;
  std::uint32_t width;
  std::uint32_t height;
};

/// "lanczos_512x384"
ResizeCase parse(const std::string& name) {
  static const std::vector<std::pair<std::string, Filter>> kFilters = {
      {"nearest", Filter::kNearest},
      {"lanczos", Filter::kLanczos},
      {"bilinear", Filter::kBilinear},
      {"bicubic", Filter::kBicubic},
      {"box", Filter::kBox},
      {"hamming", Filter::kHamming}};
  const std::size_t bar = name.find('_');
  const std::size_t cross = name.find('x', bar);
  for (const auto& [word, filter] : kFilters) {
    if (name.substr(0, bar) == word) {
      return {name,
              filter,
              static_cast<std::uint32_t>(std::stoul(name.substr(bar + 1))),
              static_cast<std::uint32_t>(std::stoul(name.substr(cross + 1)))};
    }
  }
  throw std::runtime_error("no filter in " + name);
}

std::vector<PictureCase> pictures() {
  std::vector<PictureCase> cases;
  for (const std::string table :
       {"resize.json", "resize_more_12.3.0.json", "resize_more_13.0.0.json"}) {
    const Json root = read_table(test_data("processors/" + table));
    for (const auto& [file, expected] : root.items()) {
      cases.push_back({"processors/images", file, expected});
      cases.back().expected["order"] = table == "resize_more_13.0.0.json" ? 13 : 12;
    }
  }
  return cases;
}

std::string unique_name(const testing::TestParamInfo<PictureCase>& info) {
  return test_name(info) + "_" + std::to_string(info.index);
}

class Resize : public testing::TestWithParam<PictureCase> {};

/// The reference resized the stored picture: a quarter turn (orientation 6) is undone.
Image as_stored(const Decoded& decoded) {
  if (decoded.header.orientation != 6) {
    return decoded.image;
  }
  const Image& turned = decoded.image;
  Image stored{turned.height, turned.width, std::vector<std::uint8_t>(turned.rgb.size())};
  for (std::size_t y = 0; y < stored.height; ++y) {
    for (std::size_t x = 0; x < stored.width; ++x) {
      const std::size_t from = x * turned.width + (turned.width - 1 - y);
      for (std::size_t channel = 0; channel < 3; ++channel) {
        stored.rgb[(y * stored.width + x) * 3 + channel] = turned.rgb[from * 3 + channel];
      }
    }
  }
  return stored;
}

std::string resized_sha256(const Image& image, const ResizeCase& wanted, PassOrder order) {
  const Image resized = resize(image, wanted.width, wanted.height, wanted.filter, order);
  EXPECT_EQ(resized.rgb.size(), std::size_t{wanted.width} * wanted.height * 3);
  return rgb_sha256(resized);
}

TEST_P(Resize, EqualsPillowsBitForBit) {
  const PictureCase& picture = GetParam();
  const Image stored = as_stored(decode_file(picture.path()));
  if (picture.expected.contains("sha256")) {
    EXPECT_EQ(rgb_sha256(stored), picture.expected.at("sha256"));
  }
  const PassOrder order =
      picture.expected.at("order") == 13 ? PassOrder::kPillow13 : PassOrder::kPillow12;
  std::size_t compared = 0;
  for (const auto& [key, value] : picture.expected.items()) {
    if (key == "of_2x301") {
      const Image strip = resize(stored, 2, 301, Filter::kNearest);
      for (const auto& [name, hash] : value.items()) {
        EXPECT_EQ(resized_sha256(strip, parse(name), order), hash) << name;
      }
    } else if (value.is_object()) {
      EXPECT_EQ(resized_sha256(stored, parse(key), order), value.at("sha256")) << key;
      ++compared;
    }
  }
  EXPECT_GT(compared, 0U);
}

INSTANTIATE_TEST_SUITE_P(Reference, Resize, testing::ValuesIn(pictures()), unique_name);

TEST(Resize, EqualsTorchvisionsBitForBit) {
  std::size_t compared = 0;
  std::vector<PictureCase> cases;
  add_cases("processors/resize_torchvision.json", "pictures", "processors/images", cases);
  for (const PictureCase& picture : cases) {
    const Image stored = as_stored(decode_file(picture.path()));
    for (const auto& [key, hash] : picture.expected.items()) {
      EXPECT_EQ(resized_sha256(stored, parse(key), PassOrder::kTorchvision), hash)
          << picture.file << ", " << key;
      ++compared;
    }
  }
  EXPECT_GT(compared, 150U);
}

TEST(Resize, GivesThePictureItselfForItsOwnSize) {
  const Image image{2, 1, {1, 2, 3, 4, 5, 6}};
  EXPECT_EQ(resize(image, 2, 1, Filter::kLanczos).rgb, image.rgb);
}

TEST(LimitSide, ReducesTheLongestSideAndKeepsTheAspect) {
  Image image{300, 100, std::vector<std::uint8_t>(300 * 100 * 3, 77)};
  const Image reduced = limit_side(image, 64);
  EXPECT_EQ(reduced.width, 64U);
  EXPECT_EQ(reduced.height, 21U);
  EXPECT_EQ(reduced.rgb[1000], 77);
}

TEST(LimitSide, GivesTheSidesThatArePlannedWith) {
  for (const std::uint32_t width : {1U, 7U, 63U, 64U, 65U, 99U, 300U}) {
    for (const std::uint32_t height : {1U, 2U, 31U, 64U, 100U, 257U}) {
      for (const std::uint32_t most : {0U, 1U, 16U, 64U, 99U}) {
        const Image image{width, height, std::vector<std::uint8_t>(width * height * 3)};
        const Image reduced = limit_side(image, most);
        EXPECT_EQ((Sides{reduced.width, reduced.height}), limited_sides({width, height}, most))
            << width << " x " << height << " to " << most;
      }
    }
  }
}

TEST(LimitSide, LeavesSmallPicturesAndLimitZeroAlone) {
  const Image image{30, 10, std::vector<std::uint8_t>(30 * 10 * 3, 77)};
  EXPECT_EQ(limit_side(image, 30).width, 30U);
  EXPECT_EQ(limit_side(image, 1000).width, 30U);
  EXPECT_EQ(limit_side(image, 0).width, 30U);
}

TEST(LimitSide, NeverGoesBelowOnePixel) {
  const Image strip{4000, 1, std::vector<std::uint8_t>(4000 * 3, 5)};
  const Image reduced = limit_side(strip, 16);
  EXPECT_EQ(reduced.width, 16U);
  EXPECT_EQ(reduced.height, 1U);
}

}  // namespace
}  // namespace headroom::images
