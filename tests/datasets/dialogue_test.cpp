#include "datasets/dialogue.h"

#include <gtest/gtest.h>

#include "base/errors.h"

namespace headroom::datasets {
namespace {

PictureSet one_picture() {
  PictureSet set;
  set.label = "scenes";
  PictureEntry entry;
  entry.id = "0";
  entry.picture.path = "/pictures/0.png";
  entry.facts.items = {
      {"triangle", "blue", "top left"}, {"circle", "black", ""}, {"triangle", "blue", "top right"}};
  entry.facts.colors = {"black", "blue"};
  entry.facts.people = false;
  entry.facts.summary = "Two triangles and a circle.";
  entry.facts.questions = {{"How many?", "3"}};
  set.entries = {entry};
  return set;
}

std::vector<Item> items_of(const PictureSet& set, const std::vector<ScriptTurn>& script) {
  std::vector<Item> items;
  const auto reader = dialogue_dataset(set, script).open();
  while (std::optional<Item> item = reader->next()) {
    items.push_back(std::move(*item));
  }
  return items;
}

const std::vector<ScriptTurn> kScript = {
    {"Describe.", "items"}, {"Colors?", "colors"}, {"Sum up.", ""}};

TEST(DialogueDataset, HasEachArmTurnByTurn) {
  const std::vector<Item> items = items_of(one_picture(), kScript);
  ASSERT_EQ(items.size(), items_a_picture(kScript));
  std::vector<std::string> ids;
  for (const Item& item : items) {
    ids.push_back(item.id);
    EXPECT_EQ(item.dialogue, "0/" + item.arm);
    EXPECT_EQ(picture_of_dialogue(item), "0");
    EXPECT_EQ(item.pictures.empty(), item.arm != kHistoryArm) << item.id;
  }
  EXPECT_EQ(ids,
            (std::vector<std::string>{"0/history/1",
                                      "0/history/2",
                                      "0/history/3",
                                      "0/text/2",
                                      "0/text/3",
                                      "0/none/2",
                                      "0/none/3"}));
}

TEST(DialogueDataset, TheHistoryHasThePictureOnceAndTheModelsOwnAnswers) {
  const Conversation third = items_of(one_picture(), kScript).at(2).conversation;
  EXPECT_EQ(third,
            (Conversation{{"user", {Part::of_image(0), Part::of_text("Describe.")}},
                          {"assistant", {Part::of_answer("0/history/1")}},
                          {"user", {Part::of_text("Colors?")}},
                          {"assistant", {Part::of_answer("0/history/2")}},
                          {"user", {Part::of_text("Sum up.")}}}));
}

TEST(DialogueDataset, TheTextArmHasTheDescriptionAndItsOwnAnswersButNoPicture) {
  const Conversation third = items_of(one_picture(), kScript).at(4).conversation;
  EXPECT_EQ(third,
            (Conversation{{"user", {Part::of_text("Describe.")}},
                          {"assistant", {Part::of_answer("0/history/1")}},
                          {"user", {Part::of_text("Colors?")}},
                          {"assistant", {Part::of_answer("0/text/2")}},
                          {"user", {Part::of_text("Sum up.")}}}));
}

TEST(DialogueDataset, ThePictureStandsWhereTheFirstTurnSays) {
  const std::vector<Item> items = items_of(one_picture(), {{"In <image>?", ""}, {"Colors?", ""}});
  EXPECT_EQ(items.at(0).conversation.front().parts,
            (std::vector<Part>{Part::of_text("In "), Part::of_image(0), Part::of_text("?")}));
  EXPECT_EQ(items.at(2).conversation.front().parts,
            (std::vector<Part>{Part::of_text("In "), Part::of_text("?")}))
      << "without the picture";
}

TEST(DialogueDataset, TheNoneArmHasTheFollowUpAlone) {
  EXPECT_EQ(items_of(one_picture(), kScript).at(6).conversation,
            (Conversation{{"user", {Part::of_text("Sum up.")}}}));
}

TEST(DialogueDataset, IsAboutTheFollowUpsWithHistory) {
  std::vector<std::string> judged;
  for (const Item& item : items_of(one_picture(), kScript)) {
    if (is_judged(item)) {
      judged.push_back(item.id);
    }
  }
  EXPECT_EQ(judged, (std::vector<std::string>{"0/history/2", "0/history/3"}));
  EXPECT_TRUE(is_judged(Item())) << "a question that is in no arm";
}

TEST(DialogueDataset, SaysWhichPicturesCannotBeAskedAbout) {
  PictureSet set = one_picture();
  set.notices = {"of the set"};
  set.entries.push_back(set.entries.front());
  set.entries.back().id = "1";
  set.entries.back().defect = "no picture";
  EXPECT_EQ(dialogue_dataset(set, kScript).open()->notices(),
            (std::vector<std::string>{"of the set", "1 of 2 pictures cannot be asked about: 1"}));
}

TEST(DialogueDataset, SaysOfWhichTurnsTheDataKnowLess) {
  PictureSet set = one_picture();
  set.entries.push_back(set.entries.front());
  set.entries.back().id = "1";
  set.entries.back().facts.colors.clear();
  const std::vector<ScriptTurn> script = {
      {"Describe.", "items"}, {"Colors?", "colors"}, {"Why?", "question"}, {"More?", ""}};
  EXPECT_EQ(dialogue_dataset(set, script).open()->notices(),
            (std::vector<std::string>{
                "turn 2 is scored by 'colors', which is known of 1 of 2 pictures",
                "turn 3 is scored by 'question', which is known of 0 of 2 pictures"}));
  for (PictureEntry& entry : set.entries) {
    entry.facts = {};
  }
  EXPECT_TRUE(dialogue_dataset(set, script).open()->notices().empty()) << "the results say so";
}

/// Two of the picture's items are alike.
const std::vector<std::string> kPhrases = {"blue triangle", "black circle", "blue triangle"};

struct FactCase {
  const char* fact;
  const char* text;
  std::vector<std::string> references;
};

TEST(DialogueDataset, ATurnIsScoredAgainstTheFactThatItNames) {
  const std::vector<FactCase> cases = {{"items", "?", kPhrases},
                                       {"summary", "?", kPhrases},
                                       {"colors", "?", {"black", "blue"}},
                                       {"people", "?", {"no"}},
                                       {"question", "How many?", {"3"}},
                                       {"question", "how MANY?", {"3"}},
                                       {"question", "Why?", {}},
                                       {"", "?", {}}};
  for (const FactCase& row : cases) {
    const std::vector<Item> items =
        items_of(one_picture(), {{"Describe.", ""}, {row.text, row.fact}});
    EXPECT_EQ(items.at(1).truth.references, row.references) << row.fact << ' ' << row.text;
    EXPECT_EQ(items.at(1).truth.facts.size(), row.references == kPhrases ? 3U : 0U) << row.fact;
  }
}

TEST(DialogueDataset, ASummaryWithoutItemsIsComparedAsASentence) {
  PictureSet set = one_picture();
  set.entries[0].facts.items.clear();
  const Item item = items_of(set, {{"Describe.", ""}, {"Sum up.", "summary"}}).at(1);
  EXPECT_EQ(item.truth.question_type, "sentence");
  EXPECT_EQ(item.truth.references, std::vector<std::string>{"Two triangles and a circle."});
}

TEST(DialogueDataset, WithoutFactsNothingIsScored) {
  PictureSet set = one_picture();
  set.entries[0].facts = {};
  for (const Item& item : items_of(set, default_script())) {
    EXPECT_TRUE(item.truth.references.empty()) << item.id;
  }
}

TEST(DialogueScript, IsRefusedNamingTheTurnAndTheNearestFact) {
  const std::vector<std::pair<std::vector<ScriptTurn>, std::string>> cases = {
      {{{"Describe.", ""}}, "mine.toml: 1 turn;"},
      {{{"Describe.", ""}, {" ", ""}}, "turn 2 has no text"},
      {{{"<image><image>", ""}, {"Colors?", ""}}, "turn 1: the question has 2 '<image>' places"},
      {{{"Describe.", ""}, {"In <image>?", ""}}, "only the first turn has a picture"},
      {{{"Describe.", ""}, {"Colors?", "colours"}}, "did you mean 'colors'"}};
  for (const auto& [script, words] : cases) {
    try {
      check_script(script, "mine.toml");
      ADD_FAILURE() << "accepted, expected: " << words;
    } catch (const UsageError& error) {
      EXPECT_EQ(error.code(), "E-TURNS");
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
    }
  }
  EXPECT_NO_THROW(check_script(default_script(), ""));
}

}  // namespace
}  // namespace headroom::datasets
