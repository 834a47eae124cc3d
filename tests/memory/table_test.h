#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/json.h"
#include "support/jsonl_table.h"

namespace headroom::test {

inline std::vector<Json> memory_table(const char* name) {
  return read_jsonl_table(std::string(HEADROOM_TEST_DATA) + "/memory/" + name);
}

inline std::string row_name(const ::testing::TestParamInfo<Json>& row) {
  return row.param.at("name").get<std::string>();
}

}  // namespace headroom::test
