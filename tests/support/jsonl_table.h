#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/json.h"

namespace headroom::test {

/// The rows of a test table, one JSON object a line.
inline std::vector<Json> read_jsonl_table(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::vector<Json> rows;
  for (std::string line; std::getline(file, line);) {
    rows.push_back(Json::parse(line));
  }
  return rows;
}

}  // namespace headroom::test
