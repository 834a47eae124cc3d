#pragma once

#include <gtest/gtest.h>

#include <cctype>
#include <filesystem>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "images/decode.h"
#include "support/sha256.h"

namespace headroom::images {

inline std::filesystem::path test_data(const std::string& below) {
  return std::filesystem::path(HEADROOM_TEST_DATA) / below;
}

inline Json read_table(const std::filesystem::path& path) {
  return parse_json(read_file(path), path.string());
}

inline std::string rgb_sha256(const Image& image) {
  return test::sha256(image.rgb.data(), image.rgb.size());
}

/// One picture of a table and what is expected of it.
struct PictureCase {
  std::string folder;  ///< below the test data
  std::string file;
  Json expected;

  std::filesystem::path path() const { return test_data(folder) / file; }
};

/// googletest prints this instead of the bytes.
inline void PrintTo(const PictureCase& picture, std::ostream* out) {
  *out << picture.folder << '/' << picture.file;
}

inline std::string test_name(const testing::TestParamInfo<PictureCase>& info) {
  std::string name;
  for (const char c : info.param.folder + "_" + info.param.file) {
    name.push_back(std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_');
  }
  return name;
}

/// The pictures in the table `key` of `table`, which lie in `folder`.
inline void add_cases(const std::string& table,
                      const std::string& key,
                      const std::string& folder,
                      std::vector<PictureCase>& cases) {
  const Json root = read_table(test_data(table));
  for (const auto& [file, expected] : root.at(key).items()) {
    cases.push_back({folder, file, expected});
  }
}

}  // namespace headroom::images
