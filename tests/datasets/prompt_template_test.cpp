#include "datasets/prompt_template.h"

#include <gtest/gtest.h>

#include "base/errors.h"
#include "datasets/open.h"
#include "reading.h"

namespace headroom::datasets {
namespace {

using test::TemporaryFolder;

/// The first of these rows as it is put with `prompt`.
Item asked(const std::string& row, const std::string& prompt) {
  const TemporaryFolder folder;
  const auto file = folder.write("data.jsonl", row + "\n");
  return with_prompt(open_dataset(file.string(), {}), prompt).open()->next().value();
}

const std::string kPlain = R"({"id": "a", "image": "a.png", "question": "Which?"})";
const std::string kChoice =
    R"({"id": "a", "image": "a.png", "question": "Which?", "A": "red", "B": "blue"})";

struct Case {
  std::string row;
  std::string prompt;
  std::string text;
};

TEST(PromptTemplate, PutsQuestionAndOptionsInTheirPlaces) {
  const std::vector<Case> cases = {
      {kPlain, "Say briefly: {question}", "Say briefly: Which?"},
      {kPlain, "{question} {question}", "Which? Which?"},
      {kPlain, "{question} {what}", "Which? {what}"},
      {kPlain, "{question}{options}.", "Which?."},
      {kChoice, "{question}\nOnly the letter.", "Which?\nA. red\nB. blue\nOnly the letter."},
      {kChoice, "{options}\n{question}", "A. red\nB. blue\nWhich?"},
      {R"({"id": "a", "image": "a.png", "question": "{options}?"})", "{question}", "{options}?"}};
  for (const Case& row : cases) {
    const Item item = asked(row.row, row.prompt);
    EXPECT_EQ(item.conversation,
              (Conversation{{"user", {Part::of_image(0), Part::of_text(row.text)}}}))
        << row.prompt;
    EXPECT_EQ(item.question.find("briefly"), std::string::npos) << "the data's own words stay";
  }
}

TEST(PromptTemplate, HasThePicturesPlaceWhereItSays) {
  EXPECT_EQ(asked(kPlain, "Look: <image> {question}").conversation,
            (Conversation{
                {"user", {Part::of_text("Look: "), Part::of_image(0), Part::of_text(" Which?")}}}));
  const std::string pair = R"({"id": "b", "image": ["a.png", "b.png"], "question": "Which?"})";
  const Item one = asked(kPlain + "\n" + pair, "<image><image>{question}");
  EXPECT_TRUE(one.conversation.empty());
  EXPECT_NE(one.defect.find("id 'a', with --prompt: "), std::string::npos) << one.defect;
}

TEST(PromptTemplate, IsRefusedWhenItsPlacesFitNoQuestion) {
  try {
    asked(kPlain, "<image><image>{question}");
    FAIL() << "accepted";
  } catch (const UsageError& error) {
    EXPECT_EQ(error.code(), "E-PROMPT-IMAGES");
    const std::string text = error.what();
    EXPECT_NE(text.find("--prompt: "), std::string::npos) << text;
    EXPECT_NE(text.find("2 '<image>' places for 1 picture"), std::string::npos) << text;
  }
}

TEST(PromptTemplate, LeavesTheDataAloneWithoutOne) {
  EXPECT_EQ(asked(kChoice, "").conversation.back().parts.back().text,
            "Which?\nA. red\nB. blue\nAnswer with the option's letter from the given choices "
            "directly.");
}

TEST(PromptTemplate, IsRefusedWithoutThePlaceOfTheQuestion) {
  try {
    asked(kPlain, "What is this?");
    FAIL() << "accepted";
  } catch (const UsageError& error) {
    EXPECT_EQ(error.code(), "E-PROMPT");
    EXPECT_NE(std::string(error.what()).find("--prompt: {question} is not in it"),
              std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace headroom::datasets
