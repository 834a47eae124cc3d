#include <gtest/gtest.h>

#include <cmath>

#include "asking.h"
#include "base/files.h"
#include "base/json.h"

namespace headroom::mlx_worker::testing {
namespace {

Json goldens() {
  return parse_json(read_file(test_data() / "demo/demo_goldens.json"), "demo_goldens.json");
}

std::filesystem::path picture_path(const std::string& name) {
  return name.starts_with("scenes/") ? test_data() / "demo" / name
                                     : easy_vqa().parent_path() / name;
}

/// The last position's five largest logits differ from their log-probabilities by a constant.
void expect_top5(const worker::Answer& answer, const Json& golden) {
  ASSERT_FALSE(answer.log_probs.empty());
  const auto& top = answer.log_probs.front().top;
  ASSERT_EQ(top.size(), 5U);
  const double offset = golden["top5"][0][1].get<double>() - top[0].second;
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(top[i].first, golden["top5"][i][0].get<int>());
    EXPECT_NEAR(top[i].second + offset, golden["top5"][i][1].get<double>(), 1e-3);
    EXPECT_NEAR(top[i].second, golden["log_prob_top"][i].get<double>(), 1e-3);
  }
}

void expect_equal(const worker::Answer& answer, const Json& golden) {
  EXPECT_EQ(answer.outcome, Outcome::kAnswered) << answer.error;
  EXPECT_EQ(answer.prompt, golden["prompt"].get<std::string>());
  EXPECT_EQ(answer.token_ids, golden["generated"].get<std::vector<std::int32_t>>());
  EXPECT_EQ(answer.text, golden["answer"].get<std::string>());
  if (golden.contains("input_ids")) {
    EXPECT_EQ(answer.input_ids, golden["input_ids"].get<std::vector<std::int32_t>>());
    expect_top5(answer, golden);
  }
}

worker::AskItem wanted(worker::AskItem item) {
  item.want_prompt = true;
  item.top_log_probs = 5;
  item.max_tokens = 96;
  return item;
}

TEST(DemoGolden, SingleQuestionsEqualTheReference) {
  Asked asked;
  const Json all = goldens()["single"];
  ASSERT_EQ(all.size(), 20U);
  for (const Json& golden : all) {
    worker::AskRequest request;
    request.group = golden["image"];
    request.pictures = {picture(picture_path(golden["image"]))};
    request.items = {wanted(question("q", golden["question"]))};
    expect_equal(asked.ask(request).at("q"), golden);
  }
}

TEST(DemoGolden, TextAloneEqualsTheReference) {
  Asked asked;
  for (const Json& golden : goldens()["text_alone"]) {
    worker::AskRequest request;
    request.group = "text";
    request.items = {wanted(question("q", golden["question"], false))};
    expect_equal(asked.ask(request).at("q"), golden);
  }
}

TEST(DemoGolden, ConversationsEqualTheReference) {
  Asked asked;
  const Json all = goldens()["conversations"];
  ASSERT_EQ(all.size(), 24U);
  for (const Json& golden : all) {
    worker::AskRequest request;
    request.group = golden["image"];
    request.pictures = {picture(picture_path(golden["image"]))};
    Conversation conversation = question("", "Describe the image.").conversation;
    for (std::size_t step = 0; step < golden["steps"].size(); ++step) {
      const Json& expected = golden["steps"][step];
      if (step > 0) {
        conversation.push_back({"user", {Part::of_text(expected["question"])}});
      }
      // All steps of a conversation are items of one group: they share a growing prefix.
      worker::AskItem item = wanted(question(std::to_string(step), ""));
      item.conversation = conversation;
      request.items.push_back(item);
      conversation.push_back({"assistant", {Part::of_text(expected["answer"])}});
    }
    const auto answers = asked.ask(request);
    for (std::size_t step = 0; step < golden["steps"].size(); ++step) {
      expect_equal(answers.at(std::to_string(step)), golden["steps"][step]);
    }
  }
}

}  // namespace
}  // namespace headroom::mlx_worker::testing
