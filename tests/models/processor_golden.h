#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "base/files.h"
#include "base/json.h"

/// What the tests of picture processors share: the references' tables and how they are sampled.
namespace headroom::test {

inline std::filesystem::path test_data(const std::string& below) {
  return std::filesystem::path(HEADROOM_TEST_DATA) / below;
}

inline Json read_table(const std::filesystem::path& path) {
  return parse_json(read_file(path), path.string());
}

/// `expected`: the mean, and values at every 7919th place modulo their number.
inline void expect_pixels(const float* pixels, std::size_t count, const Json& expected) {
  const auto& samples = expected.at("samples");
  for (std::size_t k = 0; k < samples.size(); ++k) {
    ASSERT_NEAR(pixels[7919 * k % count], samples[k].get<double>(), 1e-5) << k;
  }
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    sum += pixels[i];
  }
  EXPECT_NEAR(sum / static_cast<double>(count), expected.at("mean").get<double>(), 1e-5);
}

inline void expect_pixels(const std::vector<float>& pixels, const Json& expected) {
  expect_pixels(pixels.data(), pixels.size(), expected);
}

/// `rows`: the key that is named, and settings that `read` refuses for it.
template <typename Read>
void expect_refused_by_key(const std::vector<std::pair<std::string, std::string>>& rows,
                           const Read& read) {
  for (const auto& [key, text] : rows) {
    try {
      read(Json::parse(text));
      ADD_FAILURE() << "accepted " << text;
    } catch (const UsageError& error) {
      EXPECT_EQ(error.code(), "E-PROCESSOR") << text;
      EXPECT_NE(std::string(error.what()).find('"' + key + '"'), std::string::npos) << error.what();
    }
  }
}

}  // namespace headroom::test
