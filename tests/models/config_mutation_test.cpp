// Whatever stands for a value in config.json: it is read, or refused by a typed error.
#include <gtest/gtest.h>

#include "base/errors.h"
#include "base/files.h"
#include "tiny_models.h"

namespace headroom::models {
namespace {

using testing::tiny;

/// Pointers to every value of a table and of the tables and lists in it.
void list_values(const Json& json, const std::string& at, std::vector<std::string>& all) {
  if (!at.empty()) {
    all.push_back(at);
  }
  if (!json.is_structured()) {
    return;
  }
  for (const auto& [key, value] : json.items()) {
    list_values(value, at + "/" + key, all);
  }
}

/// Values that keys of other kinds have, and numbers at which products and conversions give way.
const std::vector<std::string> kValues = {"null",
                                          "\"text\"",
                                          "\"\"",
                                          "true",
                                          "-1",
                                          "0",
                                          "1",
                                          "3",
                                          "0.5",
                                          "-0.0",
                                          "2147483647",
                                          "-2147483648",
                                          "4294967296",
                                          "4611686018427387904",
                                          "18446744073709551615",
                                          "1e300",
                                          "1e-300",
                                          "[]",
                                          "[[1]]",
                                          "[\"a\", null]",
                                          "{}",
                                          "{\"a\": []}"};

class MutatedConfig : public ::testing::TestWithParam<std::string> {};

TEST_P(MutatedConfig, IsReadOrRefusedByATypedError) {
  const ModelFolder whole = ModelFolder::open(tiny(GetParam()));
  const Family& family = find_family(whole);
  std::vector<std::string> pointers;
  list_values(whole.config, "", pointers);
  const auto expect_typed = [&](Json config, const std::string& what) {
    const ModelFolder folder{whole.folder, std::move(config), whole.checkpoint};
    try {
      find_family(folder);
      family.open(folder);
      engine::Quantisation::from_json(folder.config, folder.config_path());
    } catch (const UsageError& error) {
      EXPECT_TRUE(error.code() == "E-CONFIG" || error.code() == "E-MODEL-TYPE" ||
                  error.code() == "E-PROCESSOR")
          << what << ": " << error.code() << ": " << error.what();
    } catch (const std::exception& error) {
      ADD_FAILURE() << what << ": " << error.what();
    }
  };
  for (const std::string& pointer : pointers) {
    const Json::json_pointer at(pointer);
    for (const std::string& value : kValues) {
      Json config = whole.config;
      config[at] = Json::parse(value);
      expect_typed(std::move(config), pointer + " = " + value);
    }
    Json config = whole.config;
    Json& parent = config[at.parent_pointer()];
    if (parent.is_object()) {
      parent.erase(at.back());
      expect_typed(std::move(config), pointer + " left out");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(TinyModels,
                         MutatedConfig,
                         ::testing::ValuesIn(testing::tiny_models()),
                         [](const auto& one) { return one.param; });

}  // namespace
}  // namespace headroom::models
