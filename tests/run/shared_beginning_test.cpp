#include "run/shared_beginning.h"

#include <gtest/gtest.h>

#include <string>

namespace headroom::run {
namespace {

struct Case {
  const char* name;
  std::vector<Conversation> conversations;
  std::uint32_t text_tokens;
  bool with_pictures;
};

Conversation about_a_picture(const std::string& question) {
  return {{"user", {Part::of_image(0), Part::of_text(question)}}};
}

Conversation picture_last(const std::string& question) {
  return {{"user", {Part::of_text(question), Part::of_image(0)}}};
}

Conversation with_system(const std::string& system, const std::string& question) {
  return {{"system", {Part::of_text(system)}}, {"user", {Part::of_text(question)}}};
}

class Beginning : public ::testing::TestWithParam<Case> {};

TEST_P(Beginning, IsWhatAllPromptsHaveAlike) {
  std::vector<const Conversation*> asked;
  for (const Conversation& one : GetParam().conversations) {
    asked.push_back(&one);
  }
  const SharedBeginning shared = shared_beginning(asked);
  EXPECT_EQ(shared.text_tokens, GetParam().text_tokens);
  EXPECT_EQ(shared.with_pictures, GetParam().with_pictures);
}

INSTANTIATE_TEST_SUITE_P(
    Groups,
    Beginning,
    ::testing::Values(Case{"Nothing", {}, 0, true},
                      Case{"OneAlone", {about_a_picture("what is this?")}, 0, true},
                      Case{"WordsInCommon",
                           {about_a_picture("what is left?"), about_a_picture("what is right?")},
                           8 / 3,
                           true},
                      Case{"TheLeastOfThree",
                           {about_a_picture("what is left?"),
                            about_a_picture("what is low?"),
                            about_a_picture("how many?")},
                           0,
                           true},
                      Case{"SystemAndWords",
                           {with_system("Be brief.", "is it?"), with_system("Be brief.", "is he?")},
                           (9 + 3) / 3,
                           true},
                      Case{"OtherSystem",
                           {with_system("Be brief.", "is it?"), with_system("Be long.", "is it?")},
                           3 / 3,
                           true},
                      Case{"PicturesBehindTheDifference",
                           {picture_last("what is left in"), picture_last("what is right in")},
                           8 / 3,
                           false},
                      Case{"PictureOfOneOnly",
                           {about_a_picture("what is it?"),
                            {{"user", {Part::of_text("what is it?")}}}},
                           0,
                           false},
                      Case{"LongerDialogue",
                           {with_system("Be brief.", "is it?"),
                            {{"system", {Part::of_text("Be brief.")}},
                             {"user", {Part::of_text("is it?")}},
                             {"assistant", {Part::of_text("yes")}},
                             {"user", {Part::of_text("why?")}}}},
                           15 / 3,
                           true}),
    [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace headroom::run
