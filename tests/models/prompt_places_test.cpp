#include "models/prompt_places.h"

#include <gtest/gtest.h>

#include <string>

#include "base/errors.h"

namespace headroom::models {
namespace {

TEST(RepeatImageTokens, PutsEachPicturesCountIntoItsPlace) {
  EXPECT_EQ(repeat_image_tokens("a <i> b<i>", "<i>", {3, 1}), "a <i><i><i> b<i>");
}

TEST(RepeatImageTokens, RefusesAnotherNumberOfPlacesWithBothNumbers) {
  for (const std::string prompt : {"no place", "<i> and <i>"}) {
    try {
      repeat_image_tokens(prompt, "<i>", {1});
      ADD_FAILURE() << prompt;
    } catch (const InputError& error) {
      EXPECT_EQ(error.code(), "E-PROMPT-IMAGES");
      EXPECT_NE(std::string(error.what()).find("1 pictures"), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace headroom::models
