#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>

#include "base/errors.h"
#include "picture_cases.h"
#include "support/temporary_folder.h"

namespace headroom::images {
namespace {

long peak_kilobytes() {
  struct rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

std::string without_separators(std::string text) {
  text.erase(std::remove(text.begin(), text.end(), ','), text.end());
  return text;
}

std::vector<PictureCase> bombs() {
  std::vector<PictureCase> cases;
  add_cases("cases/38-pixel-bombs/expected.json", "pictures", "cases/38-pixel-bombs/input", cases);
  return cases;
}

class PixelBomb : public testing::TestWithParam<PictureCase> {};

TEST_P(PixelBomb, IsRefusedFromItsHeaderWithNameAndNumbersAndWithoutMemory) {
  const PictureCase& picture = GetParam();
  const char* key = picture.expected.contains("message_contains") ? "message_contains"
                                                                  : "message_contains_if_refused";
  const long before = peak_kilobytes();
  try {
    decode_file(picture.path());
    FAIL() << "decoded";
  } catch (const InputError& error) {
    EXPECT_EQ(error.code(), "E-IMG-TOO-LARGE");
    const std::string message = without_separators(error.what());
    for (const auto& word : picture.expected.at(key)) {
      EXPECT_NE(message.find(word.get<std::string>()), std::string::npos) << message;
    }
    EXPECT_NE(message.find("178956970"), std::string::npos) << message;
  }
  EXPECT_LT(peak_kilobytes() - before, 50L * 1024);
  EXPECT_THROW(read_file_header(picture.path()), InputError);
}

INSTANTIATE_TEST_SUITE_P(Cases, PixelBomb, testing::ValuesIn(bombs()), test_name);

TEST(DecodeLimits, TakeTheSmallestLimitThatHoldsThePicture) {
  const auto path = test_data("images/files/png_c2_b8.png");  // 21 x 13
  DecodeLimits limits;
  limits.max_pixels = 21 * 13;
  EXPECT_NO_THROW(decode_file(path, limits));
  limits.max_pixels -= 1;
  EXPECT_THROW(decode_file(path, limits), InputError);
}

TEST(DecodeLimits, RefuseALargeFileUnread) {
  const auto path = test_data("images/files/png_c2_b8.png");
  DecodeLimits limits;
  limits.max_file_bytes = 100;
  try {
    read_file_header(path, limits);
    FAIL() << "read";
  } catch (const InputError& error) {
    EXPECT_EQ(error.code(), "E-IMG-TOO-LARGE");
    EXPECT_NE(std::string(error.what()).find("exceeds the limit of 100"), std::string::npos);
  }
}

TEST(DecodeLimits, AreFixedSoARefusalSaysWhatToGive) {
  const auto path = test_data("images/files/png_c2_b8.png");  // 21 x 13
  DecodeLimits limits;
  limits.max_pixels = 21 * 13 - 1;
  try {
    decode_file(path, limits);
    FAIL() << "read";
  } catch (const InputError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("273 pixels (21 x 13) exceed the limit of 272, which is fixed"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("give a copy of the picture scaled down"), std::string::npos) << text;
  }
}

TEST(ReadFileHeader, OfALargeFileTakesNoMemoryForTheRest) {
  const test::TemporaryFolder folder;
  const auto path = folder.path() / "large.jpg";
  std::filesystem::copy_file(test_data("images/files/jpeg_sub0_40.jpg"), path);
  std::filesystem::resize_file(path, 512U << 20U);
  const long before = peak_kilobytes();
  const Header header = read_file_header(path);
  EXPECT_EQ(header.width, 40U);
  EXPECT_EQ(header.file_bytes, 512U << 20U);
  EXPECT_LT(peak_kilobytes() - before, 50L * 1024);
}

TEST(DecodeLimits, StayWithinArithmeticWhateverIsAsked) {
  std::string bmp(14 + 40, '\0');
  bmp.replace(0, 2, "BM");
  bmp[14] = 40;
  for (int i = 0; i < 4; ++i) {
    bmp[static_cast<std::size_t>(18 + i)] = '\xFF';
  }
  bmp[22] = '\xFF';
  bmp[23] = '\xFF';
  bmp[24] = '\xFF';
  bmp[25] = '\x7F';
  bmp[28] = 24;
  DecodeLimits limits;
  limits.max_pixels = ~std::uint64_t{0};
  EXPECT_THROW(decode(bmp, "wide.bmp", limits), InputError);
}

// Half a gigabyte of pixels: run by hand with --gtest_also_run_disabled_tests.
TEST(DecodeLimits, DISABLED_ReadAnHonestLargePictureWhenRaised) {
  const auto folder = test_data("cases/38-pixel-bombs");
  const Json expected = read_table(folder / "expected.json");
  DecodeLimits limits;
  limits.max_pixels = 200'000'000;
  EXPECT_EQ(rgb_sha256(decode_file(folder / "input/honest_180M.png", limits).image),
            expected.at("pictures").at("honest_180M.png").at("rgb_sha256_if_read"));
}

}  // namespace
}  // namespace headroom::images
