#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "process.h"
#include "support/temporary_folder.h"

namespace headroom::test {
namespace {

namespace fs = std::filesystem;

fs::path demo_data() { return fs::path(HEADROOM_SOURCE_DIR) / "tests/data/demo"; }

/// The turns of the golden conversations.
constexpr const char* kGoldenTurns = R"([[turn]]
text = "Describe the image."
fact = "items"

[[turn]]
text = "What were the most prominent colors in the image?"
fact = "colors"

[[turn]]
text = "Were there any people visible in the image? If so, describe their general appearance or clothing without making up details."
fact = "people"

[[turn]]
text = "Summarize the main subject or scene of the image in one sentence."
fact = "summary"
)";

class ContextTest : public ::testing::Test {
 protected:
  ContextTest() { std::ofstream(folder_ / "turns.toml") << kGoldenTurns; }

  Start command(std::vector<std::string> more) const {
    std::vector<std::string> words = {"context",
                                      "-m",
                                      "demo",
                                      "-d",
                                      (demo_data() / "scenes.json").string(),
                                      "--turns",
                                      "turns.toml"};
    words.insert(words.end(), more.begin(), more.end());
    return {std::move(words), folder_.path(), {}, {}, false};
  }

  fs::path only_run() const { return fs::directory_iterator(folder_ / "runs")->path(); }

  /// Answers of a run by id.
  static std::map<std::string, Json> answers(const fs::path& run) {
    std::map<std::string, Json> all;
    std::ifstream file(run / "answers.jsonl");
    for (std::string line; std::getline(file, line);) {
      Json answer = Json::parse(line);
      const std::string id = answer.at("id");
      all.emplace(id, std::move(answer));
    }
    return all;
  }

  TemporaryFolder folder_;
};

TEST_F(ContextTest, AnswersOfTheHistoryEqualTheGoldenConversationsIdForId) {
  const Finished finished = run(command({"-vv"}));
  ASSERT_EQ(finished.status, 0) << finished.err;
  const std::map<std::string, Json> given = answers(only_run());
  const Json goldens = Json::parse(read_file(demo_data() / "demo_goldens.json"))["conversations"];
  ASSERT_EQ(goldens.size(), 24U);
  for (std::size_t picture = 0; picture < goldens.size(); ++picture) {
    const Json& steps = goldens[picture]["steps"];
    for (std::size_t turn = 1; turn <= steps.size(); ++turn) {
      const std::string id = std::to_string(picture) + "/history/" + std::to_string(turn);
      const Json& golden = steps[turn - 1];
      const Json& answer = given.at(id);
      EXPECT_EQ(answer["token_ids"], golden["generated"]) << id;
      EXPECT_EQ(answer["prompt"], golden["prompt"]) << id;
      EXPECT_EQ(answer["turn"], turn) << id;
    }
  }
}

/// A turn's prompt is the one before, its answer (whose last token ended it) and the new question.
TEST_F(ContextTest, AFollowUpPrefillsOnlyWhatIsNew) {
  const Finished finished = run(command({"--limit", "3"}));
  ASSERT_EQ(finished.status, 0) << finished.err;
  const std::map<std::string, Json> given = answers(only_run());
  for (const char* const picture : {"0", "1", "2"}) {
    const std::string dialogue = std::string(picture) + "/history/";
    const Json& first = given.at(dialogue + "1");
    EXPECT_EQ(first["prefilled_tokens"], first["prompt_tokens"]);
    for (int turn = 2; turn <= 4; ++turn) {
      const Json& before = given.at(dialogue + std::to_string(turn - 1));
      const Json& answer = given.at(dialogue + std::to_string(turn));
      const auto prompt = answer["prompt_tokens"].get<std::size_t>();
      const std::size_t held =
          before["prompt_tokens"].get<std::size_t>() + before["token_ids"].size();
      const auto prefilled = answer["prefilled_tokens"].get<std::size_t>();
      EXPECT_GT(prefilled, 0U) << dialogue << turn;
      EXPECT_LE(prefilled, prompt - held + 2) << dialogue << turn;
    }
  }
}

TEST_F(ContextTest, ShowSaysHowManyTokensWereFilledIn) {
  ASSERT_EQ(run(command({"--limit", "1"})).status, 0);
  const Finished shown = run({{"show", "last", "0/history/2"}, folder_.path(), {}, {}, false});
  ASSERT_EQ(shown.status, 0) << shown.err;
  const Json answer = answers(only_run()).at("0/history/2");
  EXPECT_NE(shown.out.find(answer["prefilled_tokens"].dump() + " prefilled for it"),
            std::string::npos)
      << shown.out;
}

TEST_F(ContextTest, HistoryTellsTheFactsAndWithoutItTheyAreNotKnown) {
  const Finished finished = run(command({"--json"}));
  ASSERT_EQ(finished.status, 0) << finished.err;
  const Json context = Json::parse(finished.out)["models"][0]["context"];
  EXPECT_EQ(context["scored_by"], "facts");
  ASSERT_EQ(context["arms"].size(), 3U);
  for (const Json& arm : context["arms"]) {
    EXPECT_EQ(arm["support"], "supported") << arm["arm"];
    EXPECT_EQ(arm["follow_ups"]["items"], 72) << arm["arm"];
    EXPECT_EQ(arm["follow_ups"]["answered"], 72) << arm["arm"];
  }
  EXPECT_GT(context["arms"][0]["follow_ups"]["score"]["mean"], 0.9);
  const Json& over_none = context["gains"][1];
  EXPECT_EQ(over_none["over"], "none");
  EXPECT_EQ(over_none["difference"]["count"], 72);
  EXPECT_EQ(over_none["difference"]["clusters"], 24);
  EXPECT_GT(over_none["difference"]["interval"][0], 0.0);
}

TEST_F(ContextTest, OfPicturesWithoutFactsSaysThatItComparesTheModelWithItself) {
  Start start = command({"--limit", "2"});
  start.arguments[4] = (demo_data() / "scenes").string();
  const Finished finished = run(start);
  ASSERT_EQ(finished.status, 0) << finished.err;
  EXPECT_NE(finished.out.find("not against facts"), std::string::npos) << finished.out;
  EXPECT_NE(finished.out.find("history minus none"), std::string::npos) << finished.out;
  EXPECT_EQ(answers(only_run()).size(), 20U) << "of two pictures 4 turns and twice 3 follow-ups";
}

TEST_F(ContextTest, LimitAndPromptAreOfPicturesAndTheFirstTurn) {
  const Finished finished =
      run(command({"--limit", "2-3", "--prompt", "Say what you see.", "--fail-under", "1"}));
  ASSERT_EQ(finished.status, 0) << finished.err;
  const std::map<std::string, Json> given = answers(only_run());
  EXPECT_EQ(given.size(), 20U);
  EXPECT_EQ(given.at("1/history/1")["question"], "Say what you see.");
  EXPECT_TRUE(given.contains("2/none/4"));
  const Finished beyond = run(command({"--limit", "25-30"}));
  EXPECT_EQ(beyond.status, 2);
  EXPECT_NE(beyond.err.find("--limit begins at picture 25, there are 24"), std::string::npos)
      << beyond.err;
  const Finished places = run(command({"--prompt", "<image> and <image>"}));
  EXPECT_EQ(places.status, 2);
  EXPECT_NE(places.err.find("--prompt: turn 1: "), std::string::npos) << places.err;
}

TEST_F(ContextTest, AResumeAsksInTheSameWords) {
  std::ofstream(folder_ / "headroom.toml")
      << "[context]\nprompt = \"Say what you see.\"\nsystem = \"Be brief.\"\n";
  Running running(held(command({"-v", "--cleanup-every", "5"}), "clean-up"));
  ASSERT_TRUE(running.wait_until_held());
  running.signal(SIGKILL);
  running.wait();
  fs::remove(folder_ / "headroom.toml");
  const Finished resumed = run({{"resume", "-q"}, folder_.path(), {}, {}, false});
  ASSERT_EQ(resumed.status, 0) << resumed.err;
  for (const auto& [id, answer] : answers(only_run())) {
    EXPECT_EQ(answer["system"], "Be brief.") << id;
    EXPECT_TRUE(!id.ends_with("/1") || answer["question"] == "Say what you see.") << id;
  }
}

TEST_F(ContextTest, StoppedInADialogueItGoesOnToTheSameAnswers) {
  Running running(held(command({"-v", "--cleanup-every", "5"}), "clean-up"));
  ASSERT_TRUE(running.wait_until_held());
  running.signal(SIGKILL);
  running.wait();
  fs::remove(folder_ / "turns.toml");  // the run has its own
  const Finished resumed =
      run({{"resume", only_run().string(), "-q"}, folder_.path(), {}, {}, false});
  ASSERT_EQ(resumed.status, 0) << resumed.err;
  const std::map<std::string, Json> all = answers(only_run());
  EXPECT_EQ(all.size(), 240U);
  const Json goldens = Json::parse(read_file(demo_data() / "demo_goldens.json"))["conversations"];
  for (std::size_t picture = 0; picture < goldens.size(); ++picture) {
    EXPECT_EQ(all.at(std::to_string(picture) + "/history/4")["token_ids"],
              goldens[picture]["steps"][3]["generated"])
        << picture;
  }
}

TEST_F(ContextTest, AScriptThatCannotBeReadSaysWhere) {
  const std::vector<std::pair<std::string, std::pair<std::string, std::string>>> cases = {
      {"a.toml", {"[[turn]]\ntext = \"Describe.\"\n", "a.toml: 1 turn;"}},
      {"b.toml", {"[[turn]]\ntext = 5\n", "b.toml: turn 1: 'text' is not a text"}},
      {"c.toml", {"[[turn]]\ntexts = \"x\"\n", "did you mean 'text'"}},
      {"d.toml", {"[[turns]]\ntext = \"x\"\n", "expected [[turn]] tables"}},
      {"e.toml", {"[[turn]\n", "e.toml:1:"}},
      {"f.jsonl", {"{\"text\": \"a\"}\n{\"text\": \"b\", \"fact\": \"coulors\"}\n", "turn 2"}},
      {"g.jsonl", {"{\"text\": \"a\"}\n[]\n", "g.jsonl: line 2: expected an object"}},
      {"h.txt", {"Describe.", "expected FILE.toml or FILE.jsonl"}}};
  for (const auto& [name, row] : cases) {
    std::ofstream(folder_ / name) << row.first;
    Start start = command({});
    start.arguments.back() = name;
    const Finished finished = run(start);
    EXPECT_EQ(finished.status, 2) << name;
    EXPECT_NE(finished.err.find(row.second), std::string::npos) << name << ": " << finished.err;
  }
  EXPECT_FALSE(fs::exists(folder_ / "runs"));
}

}  // namespace
}  // namespace headroom::test
