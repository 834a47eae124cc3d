#include "base/base64.h"

#include <gtest/gtest.h>

#include "base/errors.h"

namespace headroom {

namespace {

TEST(Base64, WritesTheVectorsOfItsRfc) {
  EXPECT_EQ(encode_base64(""), "");
  EXPECT_EQ(encode_base64("f"), "Zg==");
  EXPECT_EQ(encode_base64("fo"), "Zm8=");
  EXPECT_EQ(encode_base64("foo"), "Zm9v");
  EXPECT_EQ(encode_base64("foobar"), "Zm9vYmFy");
}

TEST(Base64, ReadsBackEveryByteAtEveryLength) {
  std::string data;
  for (int i = 0; i < 300; ++i) {
    data.push_back(static_cast<char>(i * 7));
    ASSERT_EQ(decode_base64(encode_base64(data), "x"), data) << i;
  }
}

TEST(Base64, ReadsTheSameBytesInEveryDress) {
  const std::string bytes = "\xfb\xff\xfe?";
  for (const char* text : {"+//+Pw==",
                           "-__-Pw",
                           "+//+Pw",
                           " +//\r\n+Pw= =\n",
                           "-_/+Pw==",
                           "data:image/png;base64,+//+Pw=="}) {
    EXPECT_EQ(decode_base64(text, "x"), bytes) << text;
  }
}

TEST(Base64, NamesWhatIsNotBase64) {
  for (const char* text : {"Zg==Zg==", "Z!8=", "Zm9vY", "data:image/png;base64"}) {
    try {
      decode_base64(text, "row 3", "E-ROW");
      ADD_FAILURE() << text;
    } catch (const InputError& error) {
      EXPECT_EQ(error.code(), "E-ROW");
      EXPECT_TRUE(std::string(error.what()).starts_with("row 3: not base64")) << error.what();
    }
  }
}

}  // namespace

}  // namespace headroom
