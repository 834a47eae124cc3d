#include "images/decode.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/errors.h"
#include "picture_cases.h"
#include "support/case_text.h"

namespace headroom::images {
namespace {

std::vector<PictureCase> reported_cases() {
  std::vector<PictureCase> cases;
  for (const std::string name : {"01-mpo-named-jpg",
                                 "07-exif-eight-orientations",
                                 "13-png-trns-modes",
                                 "19-grey16-png",
                                 "25-truncated-files",
                                 "35-one-pixel-strips"}) {
    add_cases("cases/" + name + "/expected.json", "pictures", "cases/" + name + "/input", cases);
  }
  const std::string lies = "cases/30-extension-lies";
  add_cases(lies + "/expected.json", "pictures", lies + "/input/folder", cases);
  add_cases(lies + "/expected.json", "also", lies + "/input", cases);
  return cases;
}

class ReportedPicture : public testing::TestWithParam<PictureCase> {};

void expect_refusal(const PictureCase& picture) {
  try {
    decode_file(picture.path());
    FAIL() << "decoded";
  } catch (const InputError& error) {
    const std::string message = test::lower(error.what());
    for (const auto& word : picture.expected.at("message_contains")) {
      EXPECT_NE(message.find(test::lower(word.get<std::string>())), std::string::npos) << message;
    }
  }
}

TEST_P(ReportedPicture, GivesPillowsPixelsOrAnErrorThatNamesIt) {
  const PictureCase& picture = GetParam();
  if (picture.expected.at("outcome") != "ok") {
    expect_refusal(picture);
    return;
  }
  const Decoded decoded = decode_file(picture.path());
  EXPECT_EQ(decoded.image.width, picture.expected.at("width"));
  EXPECT_EQ(decoded.image.height, picture.expected.at("height"));
  EXPECT_EQ(decoded.header.width, decoded.image.width);
  EXPECT_EQ(decoded.header.height, decoded.image.height);
  EXPECT_EQ(rgb_sha256(decoded.image), picture.expected.at("rgb_sha256"));
}

INSTANTIATE_TEST_SUITE_P(Cases, ReportedPicture, testing::ValuesIn(reported_cases()), test_name);

std::vector<PictureCase> table_cases() {
  std::vector<PictureCase> cases;
  add_cases("images/table.json", "pictures", "images/files", cases);
  return cases;
}

/// Where we knowingly do not do as Pillow does, with our code; "" is: decoded.
const std::map<std::string, std::string>& differences() {
  static const std::map<std::string, std::string> kOurs = {
      // Pillow gives up at the end-of-picture code; the format says that the rest has colour 0.
      {"bmp_rle8_early_end.bmp", ""},
      // All rows are there and pass their own checks; only the checksum behind them is wrong.
      {"png_bad_adler.png", ""},
      // Pillow shows black.
      {"png_no_palette.png", "E-IMG-BROKEN"},
  };
  return kOurs;
}

std::string code_of(const std::filesystem::path& path) {
  try {
    decode_file(path);
  } catch (const Error& error) {
    return error.code();
  }
  return "";
}

class DressedPicture : public testing::TestWithParam<PictureCase> {};

TEST_P(DressedPicture, GivesPillowsPixelsOrIsRefused) {
  const PictureCase& picture = GetParam();
  if (const auto ours = differences().find(picture.file); ours != differences().end()) {
    EXPECT_EQ(code_of(picture.path()), ours->second);
    return;
  }
  if (picture.expected.contains("pillow_error")) {
    EXPECT_THROW(decode_file(picture.path()), InputError) << picture.expected;
    return;
  }
  const Decoded decoded = decode_file(picture.path());
  EXPECT_EQ(decoded.image.width, picture.expected.at("width"));
  EXPECT_EQ(decoded.image.height, picture.expected.at("height"));
  EXPECT_EQ(rgb_sha256(decoded.image), picture.expected.at("rgb_sha256"));
  const Header header = read_file_header(picture.path());
  EXPECT_EQ(header.width, decoded.image.width);
  EXPECT_EQ(header.height, decoded.image.height);
  EXPECT_GE(header.decode_bytes, decoded.image.rgb.size());
}

INSTANTIATE_TEST_SUITE_P(Table, DressedPicture, testing::ValuesIn(table_cases()), test_name);

TEST(Decode, TellsTheWaysInWhichAPictureIsBadApart) {
  const auto files = test_data("images/files");
  const auto truncated = test_data("cases/25-truncated-files/input");
  const auto lies = test_data("cases/30-extension-lies/input/folder");
  EXPECT_EQ(code_of(files / "absent.png"), "E-IMG-MISSING");
  EXPECT_EQ(code_of(files), "E-IMG-MISSING");
  EXPECT_EQ(code_of(lies / "page.jpg"), "E-IMG-NOT");
  EXPECT_EQ(code_of(lies / "empty.png"), "E-IMG-NOT");
  for (const char* name : {"cut.jpg",
                           "progressive_cut.jpg",
                           "no_eoi.jpg",
                           "cut.png",
                           "cut.webp",
                           "cut.gif",
                           "cut.bmp",
                           "header_only.jpg"}) {
    EXPECT_EQ(code_of(truncated / name), "E-IMG-TRUNCATED") << name;
  }
  EXPECT_EQ(code_of(files / "png_bad_filter.png"), "E-IMG-BROKEN");
  EXPECT_EQ(code_of(files / "png_bad_deflate.png"), "E-IMG-BROKEN");
  EXPECT_EQ(code_of(files / "jpeg_12_bits.jpg"), "E-IMG-UNSUPPORTED");
  EXPECT_EQ(code_of(files / "bmp_16_444.bmp"), "E-IMG-UNSUPPORTED");
}

TEST(Decode, NamesAPictureOfAFormatThatIsNotRead) {
  try {
    decode(std::string_view("II*\0\x08\0\0\0", 8), "scan.jpg");
    FAIL() << "decoded";
  } catch (const InputError& error) {
    EXPECT_EQ(error.code(), "E-IMG-UNSUPPORTED");
    EXPECT_EQ(std::string(error.what()), "scan.jpg: a TIFF file; convert it to PNG or JPEG");
  }
}

TEST(Decode, ReducesSixteenBitGreyByEitherRuleAndSaysSo) {
  const auto folder = test_data("cases/19-grey16-png");
  const Json expected = read_table(folder / "expected.json").at("pictures");
  for (const std::string name : {"grey16.png", "grey16_dim.png"}) {
    DecodeLimits limits;
    const Decoded clipped = decode_file(folder / "input" / name, limits);
    limits.grey16 = Grey16::kHighByte;
    const Decoded high = decode_file(folder / "input" / name, limits);
    EXPECT_EQ(rgb_sha256(clipped.image), expected.at(name).at("rgb_sha256"));
    EXPECT_EQ(rgb_sha256(high.image), expected.at(name).at("high_byte_sha256"));
    EXPECT_EQ(clipped.notices,
              std::vector<std::string>{"16-bit grey: clipped to 8 bits as Pillow does"});
    EXPECT_EQ(high.notices, std::vector<std::string>{"16-bit grey: reduced to its high byte"});
  }
  EXPECT_TRUE(decode_file(folder / "input/rgb16.png").notices.empty());
  EXPECT_TRUE(decode_file(folder / "input/grey16_alpha.png").notices.empty());
}

TEST(Decode, GivesTheSecondPictureOfAMultiPictureFileNoSay) {
  const Json expected = read_table(test_data("cases/01-mpo-named-jpg/expected.json"));
  const Json& other = expected.at("must_not_be").at("second_picture");
  const Header header = read_file_header(test_data("cases/01-mpo-named-jpg/input/DSC0001.JPG"));
  EXPECT_EQ(header.format, Format::kJpeg);
  EXPECT_NE(header.width, other.at(0));
  EXPECT_EQ(header.orientation, 6);
}

TEST(PixelHash, TellsSizeAndPixelsApart) {
  const Image wide{2, 1, {1, 2, 3, 4, 5, 6}};
  Image changed = wide;
  changed.rgb[5] = 7;
  const Image tall{1, 2, wide.rgb};
  EXPECT_EQ(pixel_hash(wide).size(), 32U);
  EXPECT_EQ(pixel_hash(wide), pixel_hash(Image(wide)));
  EXPECT_NE(pixel_hash(wide), pixel_hash(changed));
  EXPECT_NE(pixel_hash(wide), pixel_hash(tall));
}

}  // namespace
}  // namespace headroom::images
