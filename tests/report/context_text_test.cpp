#include <gtest/gtest.h>

#include "report/terminal.h"
#include "run/run_world.h"

namespace headroom::report {
namespace {

using test::FakeBackend;
using test::RunWorld;

const std::vector<datasets::ScriptTurn> kScript = {{"Describe.", ""}, {"Colors?", "colors"}};

/// Answers that no picture can be done without, where `blind`.
class Talker final : public FakeBackend {
 public:
  bool blind = false;

  worker::AskDone ask(const worker::AskRequest& request,
                      const std::function<void(worker::Answer&&)>& sink) override {
    return FakeBackend::ask(request, [&](worker::Answer&& answer) {
      if (blind && request.pictures.empty()) {
        answer.outcome = Outcome::kSkipped;
        answer.error_code = std::string(kPictureNeeded);
        answer.text.clear();
      }
      sink(std::move(answer));
    });
  }
};

/// What is said of a talk about two pictures, with the colour red each where `facts`.
std::string text_of(Talker& backend, bool facts = true) {
  datasets::PictureSet set;
  for (const std::string id : {"0", "1"}) {
    datasets::PictureEntry entry;
    entry.id = id;
    entry.picture = {{}, "bytes of " + id, id};
    if (facts) {
      entry.facts.colors = {"red"};
    }
    set.entries.push_back(entry);
  }
  run::Specification spec = test::spec_of();
  spec.test = run::TestKind::kContext;
  spec.metric = "turn-facts";
  spec.turns = kScript;
  RunWorld world;
  run::Journal journal = world.begin(datasets::dialogue_dataset(set, kScript), spec);
  backend.answer_of = [](const worker::AskItem& item) {
    return std::string(item.id.find("/history/") != std::string::npos ? "red" : "blue");
  };
  world.ask(journal, backend);
  return results_text(run::results_of(journal), {});
}

void expect_holds(const std::string& text, const std::vector<std::string>& pieces) {
  for (const std::string& piece : pieces) {
    EXPECT_NE(text.find(piece), std::string::npos) << "'" << piece << "' is not in\n" << text;
  }
}

TEST(ContextText, SaysHowManyPairsAreComparedAndLeftOut) {
  Talker backend;
  backend.failures = {{"0/none/2", Outcome::kTimeout}};
  expect_holds(text_of(backend),
               {"history minus text: +100.0 points [-31.5 to +100.0] over 2 of 2 pairs about 2 "
                "pictures\n",
                "history minus none: +100.0 points over 1 of 2 pairs about 1 picture; 1 left out, "
                "an answer is missing\n",
                "history  2 of 2 correct, 0 wrong\n",
                "all arms 7 of 8 questions answered; timeout 1\n",
                "100.0 % [34.2–100.0] of 2"});
}

TEST(ContextText, OfAnArmThatNeedsAPictureSaysSo) {
  Talker backend;
  backend.blind = true;
  expect_holds(
      text_of(backend),
      {"history minus none: unsupported, the model needs a picture\n", "  none     unsupported"});
}

TEST(ContextText, AnArmWithoutAnAnswerIsNoZero) {
  Talker backend;
  backend.failures = {{"0/none/2", Outcome::kTimeout}, {"1/none/2", Outcome::kTimeout}};
  const std::string text = text_of(backend);
  expect_holds(text, {"history minus none: none of 2 pairs has both answers\n"});
  const std::string arm = text.substr(text.find("\n  none ") + 1);
  EXPECT_EQ(arm.substr(0, arm.find('\n')).find("0.0 %"), std::string::npos) << arm;
}

TEST(ContextText, WithoutFactsThereIsNoLineOfVerdicts) {
  Talker backend;
  const std::string text = text_of(backend, false);
  expect_holds(text, {"not against facts", "all arms 8 of 8 questions answered\n"});
  EXPECT_EQ(text.find("correct"), std::string::npos) << text;
}

}  // namespace
}  // namespace headroom::report
