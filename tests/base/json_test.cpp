#include "base/json.h"

#include <gtest/gtest.h>

#include "base/errors.h"

namespace headroom {

namespace {

std::string refusal(std::string_view text) {
  try {
    parse_json(text, "rows.jsonl:3", "E-ROW");
  } catch (const InputError& error) {
    EXPECT_EQ(error.code(), "E-ROW");
    return error.what();
  }
  return "accepted";
}

TEST(Json, ASyntaxErrorNamesThePlace) {
  EXPECT_EQ(refusal("{\"a\":}"),
            "rows.jsonl:3: not valid JSON at byte 6: found '}' where a value was expected");
  EXPECT_EQ(refusal("{\"a\" 1}"),
            "rows.jsonl:3: not valid JSON at byte 6: found number literal where ':' was expected");
  EXPECT_TRUE(refusal("").starts_with("rows.jsonl:3: not valid JSON at byte 1: "));
  EXPECT_TRUE(refusal("\"\xff\"").starts_with("rows.jsonl:3: not valid JSON at byte 2: "));
}

TEST(Json, ANumberThatNoDoubleHoldsIsRefusedLikeASyntaxError) {
  EXPECT_TRUE(refusal("[1e999]").starts_with("rows.jsonl:3: not valid JSON: number overflow"));
}

TEST(Json, WritesBytesThatAreNotUtf8AsReplacements) {
  EXPECT_EQ(dump_json(Json("a\xff")), "\"a\xEF\xBF\xBD\"");
}

}  // namespace

}  // namespace headroom
