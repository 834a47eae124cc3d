#include "base/json_fields.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "base/errors.h"

namespace headroom {
namespace {

const Json kObject = Json::parse(
    R"({"count": 5000000000, "below": -1, "half": 0.5, "word": "a", "nothing": null, "list": [1]})");

TEST(JsonFields, GivesValuesAndDefaults) {
  const JsonFields fields(kObject, "it");
  EXPECT_EQ(fields.unsigned64("count"), 5'000'000'000U);
  EXPECT_EQ(fields.required_bytes("count"), Bytes(5'000'000'000U));
  EXPECT_EQ(fields.unsigned64("nothing", 7), 7U);
  EXPECT_EQ(fields.bytes("nothing"), std::nullopt);
  EXPECT_EQ(fields.array("list").size(), 1U);
  EXPECT_EQ(fields.find_array("absent"), nullptr);
}

TEST(JsonFields, NamesWhatIsMissingOrOfAnotherType) {
  struct Case {
    std::function<void(const JsonFields&)> read;
    std::string text;
  };

  const std::vector<Case> cases = {
      {[](const JsonFields& it) { it.unsigned64("absent"); }, "it.absent: missing"},
      {[](const JsonFields& it) { it.required_bytes("nothing"); }, "it.nothing: missing"},
      {[](const JsonFields& it) { it.array("absent"); }, "it.absent: missing"},
      {[](const JsonFields& it) { it.array("word"); }, "it.word: expected an array, got string"},
      {[](const JsonFields& it) { it.unsigned64("below"); },
       "it.below: expected an unsigned 64-bit integer, got -1"},
      {[](const JsonFields& it) { it.bytes("half"); },
       "it.half: expected an unsigned 64-bit integer, got 0.5"},
      {[](const JsonFields& it) { it.unsigned32("count"); },
       "it.count: expected an unsigned 32-bit integer, got 5000000000"},
      {[](const JsonFields& it) { it.flag("word", true); },
       "it.word: expected true or false, got string"},
      {[](const JsonFields&) { JsonFields(Json(3), "it"); }, "it: expected an object, got 3"}};
  const JsonFields fields(kObject, "it");
  for (const Case& one : cases) {
    try {
      one.read(fields);
      ADD_FAILURE() << one.text;
    } catch (const InputError& error) {
      EXPECT_EQ(error.what(), one.text);
      EXPECT_EQ(error.code(), "E-CONTRACT");
    }
  }
}

}  // namespace
}  // namespace headroom
