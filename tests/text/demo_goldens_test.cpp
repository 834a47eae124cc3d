// Prompts and ids of the demo model against those that Transformers made
// (tests/data/demo/ORIGIN.md).

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "support/fake_clock.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace headroom::text {
namespace {

const std::string kModel = HEADROOM_SOURCE_DIR "/assets/demo/model";

/// What SmolVLM's processor puts for a picture of one tile: 16 image tokens between two marks.
std::string with_one_tile(std::string prompt) {
  std::string tile = "<fake_token_around_image><global-img>";
  for (int i = 0; i < 16; ++i) {
    tile += "<image>";
  }
  tile += "<fake_token_around_image>";
  if (const auto at = prompt.find("<image>"); at != std::string::npos) {
    prompt.replace(at, std::string("<image>").size(), tile);
  }
  return prompt;
}

class DemoGoldens : public ::testing::Test {
 protected:
  void expect_prompt(const Conversation& conversation, const Json& golden) const {
    const std::string prompt = template_.render(conversation, {});
    EXPECT_EQ(prompt, golden["prompt"].get<std::string>());
    if (golden.contains("input_ids")) {
      EXPECT_EQ(tokenizer_.encode(with_one_tile(prompt), false),
                golden["input_ids"].get<std::vector<std::int32_t>>());
    }
    // The goldens' answers are stripped of the blank before their first word.
    const auto generated = golden["generated"].get<std::vector<std::int32_t>>();
    EXPECT_EQ(tokenizer_.decode(generated, true), " " + golden["answer"].get<std::string>());
  }

  testing::FakeClock clock_;
  Tokenizer tokenizer_ = Tokenizer::load(kModel);
  ChatTemplate template_ = ChatTemplate::load(kModel, clock_.wall());
  Json goldens_ = parse_json(read_file(HEADROOM_TEST_DATA "/demo/demo_goldens.json"), "goldens");
};

Message user(std::string text) { return {"user", {Part::of_text(std::move(text))}}; }

Message user_with_picture(std::string text) {
  return {"user", {Part::of_image(0), Part::of_text(std::move(text))}};
}

TEST_F(DemoGoldens, SingleQuestionsGiveTheSamePromptAndIds) {
  ASSERT_EQ(goldens_["single"].size(), 20U);
  for (const auto& golden : goldens_["single"]) {
    SCOPED_TRACE(golden["question"]);
    expect_prompt({user_with_picture(golden["question"])}, golden);
  }
}

TEST_F(DemoGoldens, ConversationsGiveTheSamePromptAtEachStep) {
  ASSERT_EQ(goldens_["conversations"].size(), 24U);
  for (const auto& golden : goldens_["conversations"]) {
    Conversation conversation = {user_with_picture("Describe the image.")};
    for (const auto& step : golden["steps"]) {
      if (step.contains("question")) {
        conversation.push_back(user(step["question"]));
      }
      SCOPED_TRACE(golden["image"]);
      expect_prompt(conversation, step);
      conversation.push_back({"assistant", {Part::of_text(step["answer"])}});
    }
  }
}

TEST_F(DemoGoldens, TextAloneGivesTheSamePromptAndIds) {
  ASSERT_EQ(goldens_["text_alone"].size(), 3U);
  for (const auto& golden : goldens_["text_alone"]) {
    SCOPED_TRACE(golden["question"]);
    expect_prompt({user(golden["question"])}, golden);
  }
}

}  // namespace
}  // namespace headroom::text
