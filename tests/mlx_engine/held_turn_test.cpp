// The KV cache of a conversation's turn, held for the next one: the same answers with less prefill.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "asking.h"
#include "base/files.h"
#include "base/json.h"
#include "support/temporary_folder.h"

namespace headroom::mlx_worker::testing {
namespace {

/// One golden conversation, asked turn by turn, each turn a group of its own.
class Dialogue {
 public:
  explicit Dialogue(std::size_t number)
      : golden_(parse_json(read_file(test_data() / "demo/demo_goldens.json"),
                           "demo_goldens.json")["conversations"]
                    .at(number)) {
    request_.pictures = {picture(test_data() / "demo" / golden_["image"].get<std::string>())};
    request_.limits.hold = true;
  }

  std::size_t turns() const { return golden_["steps"].size(); }

  const Json& golden(std::size_t turn) const { return golden_["steps"][turn]; }

  worker::AskRequest& request() { return request_; }

  /// The turn's request, the earlier turns' golden answers in its history.
  worker::AskRequest turn(std::size_t number) const {
    worker::AskRequest request = request_;
    request.group = "turn " + std::to_string(number);
    worker::AskItem item = question("q", "Describe the image.");
    item.max_tokens = 96;
    item.want_prompt = true;
    for (std::size_t i = 1; i <= number; ++i) {
      item.conversation.push_back({"assistant", {Part::of_text(golden(i - 1)["answer"])}});
      item.conversation.push_back({"user", {Part::of_text(golden(i)["question"])}});
    }
    request.items = {item};
    return request;
  }

  std::vector<std::int32_t> ids(std::size_t turn) const {
    return golden(turn)["generated"].get<std::vector<std::int32_t>>();
  }

 private:
  Json golden_;
  worker::AskRequest request_;
};

/// How many tokens of `next` stand at the same places in what was fed: the turn before and its
/// answer without the last token.
std::uint32_t in_common(const worker::Answer& before, const worker::Answer& next) {
  std::vector<std::int32_t> fed = before.input_ids;
  fed.insert(fed.end(), before.token_ids.begin(), before.token_ids.end() - 1);
  const auto end =
      std::mismatch(fed.begin(), fed.end(), next.input_ids.begin(), next.input_ids.end() - 1);
  return static_cast<std::uint32_t>(end.first - fed.begin());
}

void expect_cold(const worker::Answer& answer) {
  EXPECT_EQ(answer.outcome, Outcome::kAnswered) << answer.error;
  EXPECT_EQ(answer.prefilled_tokens, answer.prompt_tokens);
  EXPECT_GT(answer.seconds.encode, 0.0);
}

TEST(HeldTurn, TurnsEqualTheReferenceAndPrefillOnlyWhatIsNew) {
  Asked asked;
  for (std::size_t number = 0; number < 24; ++number) {
    const Dialogue dialogue(number);
    std::optional<worker::Answer> before;
    for (std::size_t turn = 0; turn < dialogue.turns(); ++turn) {
      const worker::Answer answer = asked.ask(dialogue.turn(turn)).at("q");
      EXPECT_EQ(answer.prompt, dialogue.golden(turn)["prompt"].get<std::string>());
      EXPECT_EQ(answer.token_ids, dialogue.ids(turn));
      if (before) {
        const std::uint32_t reused = in_common(*before, answer);
        EXPECT_GE(reused, before->prompt_tokens) << "the turn before stands in this one's history";
        EXPECT_EQ(answer.prefilled_tokens, answer.prompt_tokens - reused);
        EXPECT_EQ(answer.seconds.encode, 0.0);
        EXPECT_EQ(answer.image_tokens, 16U);
        EXPECT_EQ(answer.picture_hashes, before->picture_hashes);
      } else {
        expect_cold(answer);
        EXPECT_EQ(answer.prompt_tokens, dialogue.golden(0)["input_ids"].size());
      }
      before = answer;
    }
  }
}

TEST(HeldTurn, LimitsOfATurnChangeNoAnswer) {
  Asked asked;
  for (const worker::AskLimits& limits :
       {worker::AskLimits{.prefill_chunk = 7, .hold = true},
        worker::AskLimits{.batch = 1, .hold = true},
        worker::AskLimits{.release_vision = true, .hold = true}}) {
    for (std::size_t number = 0; number < 4; ++number) {
      Dialogue dialogue(number);
      dialogue.request().limits = limits;
      for (std::size_t turn = 0; turn < dialogue.turns(); ++turn) {
        const worker::Answer answer = asked.ask(dialogue.turn(turn)).at("q");
        EXPECT_EQ(answer.token_ids, dialogue.ids(turn));
        EXPECT_EQ(answer.prefilled_tokens < answer.prompt_tokens, turn > 0);
      }
    }
  }
}

TEST(HeldTurn, QuantisedCacheGoesOnAsItWouldBeginAnew) {
  Asked asked;
  Asked anew;
  for (std::size_t number = 0; number < 8; ++number) {
    Dialogue dialogue(number);
    dialogue.request().limits.kv_bits = 8;
    for (std::size_t turn = 0; turn < dialogue.turns(); ++turn) {
      const worker::Answer answer = asked.ask(dialogue.turn(turn)).at("q");
      worker::AskRequest cold = dialogue.turn(turn);
      cold.limits.hold = false;
      EXPECT_EQ(answer.token_ids, anew.ask(cold).at("q").token_ids);
      EXPECT_EQ(answer.prefilled_tokens < answer.prompt_tokens, turn > 0);
      EXPECT_EQ(answer.rung, "KV cache of 8 bits");
    }
  }
}

TEST(HeldTurn, WhatIsHeldIsSaidAndIsAllThatIsActiveBesideTheWeights) {
  Asked asked;
  const Dialogue dialogue(0);
  worker::PlanRequest plan;
  plan.model = demo_model().string();
  const Bytes per_token = asked.engine.plan(plan).kv_per_token;
  for (std::size_t turn = 0; turn < dialogue.turns(); ++turn) {
    const worker::Answer answer = asked.ask(dialogue.turn(turn)).at("q");
    EXPECT_EQ(asked.done.held, per_token * (answer.prompt_tokens + 95ULL));
    EXPECT_EQ(asked.engine.reading().active, asked.loaded.weights + asked.done.held);
  }
}

TEST(HeldTurn, TheLastTurnHoldsNothing) {
  Asked asked;
  Dialogue dialogue(0);
  asked.ask(dialogue.turn(0));
  dialogue.request().limits.hold = false;
  const worker::Answer answer = asked.ask(dialogue.turn(1)).at("q");
  EXPECT_LT(answer.prefilled_tokens, answer.prompt_tokens);
  EXPECT_EQ(asked.done.held, Bytes());
  EXPECT_EQ(asked.engine.reading().active, asked.loaded.weights);
}

TEST(HeldTurn, CleaningAndUnloadingDropWhatIsHeld) {
  Asked asked;
  const Dialogue dialogue(0);
  for (const auto level : {worker::CleanLevel::kNormal, worker::CleanLevel::kAggressive}) {
    asked.ask(dialogue.turn(0));
    EXPECT_EQ(asked.engine.clean(level).after.active, asked.loaded.weights);
    const worker::Answer answer = asked.ask(dialogue.turn(1)).at("q");
    expect_cold(answer);
    EXPECT_EQ(answer.token_ids, dialogue.ids(1));
  }
  EXPECT_EQ(asked.engine.unload().after.active, Bytes());
}

struct OtherAsk {
  const char* name;
  void (*change)(worker::AskRequest&);
};

class NotContinued : public ::testing::TestWithParam<OtherAsk> {};

/// What was held is dropped before anything is allocated, so that the peak is that of a cold ask.
TEST_P(NotContinued, IsAskedColdWithNothingBeside) {
  const Dialogue dialogue(0);
  worker::AskRequest other = dialogue.turn(1);
  other.limits.hold = false;
  GetParam().change(other);
  const auto cold = Asked().ask(other);  // gone before the next: they share an allocator
  Asked asked;
  asked.ask(dialogue.turn(0));
  const Bytes held = asked.done.held;
  ASSERT_GT(held, Bytes());
  const auto answers = asked.ask(other);
  ASSERT_EQ(answers.size(), cold.size());
  for (const auto& [id, answer] : answers) {
    EXPECT_EQ(answer.outcome, Outcome::kAnswered) << answer.error;
    EXPECT_EQ(answer.token_ids, cold.at(id).token_ids);
    EXPECT_EQ(answer.prefilled_tokens, cold.at(id).prefilled_tokens);
    // Buffers of the allocator's that are used again may be a little larger than what they hold.
    EXPECT_LT(*answer.after.peak, *cold.at(id).after.peak + Bytes(held.count() / 8));
  }
  EXPECT_EQ(asked.engine.reading().active, asked.loaded.weights);
}

INSTANTIATE_TEST_SUITE_P(
    Asks,
    NotContinued,
    ::testing::Values(
        OtherAsk{"OtherPicture",
                 [](worker::AskRequest& request) {
                   request.pictures = {picture(test_data() / "demo/scenes/0001.png")};
                 }},
        OtherAsk{"NoPicture",
                 [](worker::AskRequest& request) {
                   request.pictures.clear();
                   request.items = {question("q", "How many shapes are there?", false)};
                 }},
        OtherAsk{"OtherSide", [](worker::AskRequest& request) { request.max_image_side = 32; }},
        OtherAsk{"OtherTiles", [](worker::AskRequest& request) { request.limits.max_tiles = 1; }},
        OtherAsk{"OtherBits", [](worker::AskRequest& request) { request.limits.kv_bits = 8; }},
        OtherAsk{"PrefixNotShared",
                 [](worker::AskRequest& request) { request.limits.share_prefix = false; }},
        OtherAsk{"SeveralItems",
                 [](worker::AskRequest& request) {
                   request.items.push_back(question("r", "what color is the circle?"));
                 }},
        OtherAsk{"PictureNamedAgain",
                 [](worker::AskRequest& request) {
                   request.items.front().conversation.back().parts.push_back(Part::of_image(0));
                 }},
        OtherAsk{"OtherBeginning",
                 [](worker::AskRequest& request) {
                   Conversation& conversation = request.items.front().conversation;
                   conversation.front().parts.insert(conversation.front().parts.begin(),
                                                     Part::of_text("Look."));
                 }}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(HeldTurn, APictureThatHasChangedIsLookedAtAnew) {
  const test::TemporaryFolder folder;
  const auto path = folder / "picture.png";
  std::filesystem::copy_file(test_data() / "demo/scenes/0000.png", path);
  Asked asked;
  Dialogue dialogue(0);
  dialogue.request().pictures = {picture(path)};
  const worker::Answer first = asked.ask(dialogue.turn(0)).at("q");
  std::filesystem::remove(path);
  std::filesystem::copy_file(test_data() / "demo/scenes/0001.png", path);
  const worker::Answer second = asked.ask(dialogue.turn(1)).at("q");
  expect_cold(second);
  EXPECT_NE(second.picture_hashes, first.picture_hashes);
}

TEST(HeldTurn, NothingIsHeldWhereThePrefixIsNotSharedOrThereAreSeveralItems) {
  Asked asked;
  const Dialogue dialogue(0);
  worker::AskRequest request = dialogue.turn(0);
  request.limits.share_prefix = false;
  asked.ask(request);
  EXPECT_EQ(asked.done.held, Bytes());
  request.limits.share_prefix = true;
  request.items.push_back(question("r", "what color is the circle?"));
  asked.ask(request);
  EXPECT_EQ(asked.done.held, Bytes());
  EXPECT_EQ(asked.engine.reading().active, asked.loaded.weights);
}

TEST(HeldTurn, ATurnThatIsStoppedLeavesNothingHeldAndIsAskedAgainCold) {
  Asked asked;
  const Dialogue dialogue(0);
  asked.ask(dialogue.turn(0));
  worker::AskRequest stopped = dialogue.turn(1);
  stopped.limits.memory = Bytes(1);
  EXPECT_EQ(asked.ask(stopped).at("q").error_code, "E-MEM-GUARD");
  EXPECT_EQ(asked.done.held, Bytes());
  EXPECT_EQ(asked.engine.reading().active, asked.loaded.weights);
  const worker::Answer again = asked.ask(dialogue.turn(1)).at("q");
  expect_cold(again);
  EXPECT_EQ(again.token_ids, dialogue.ids(1));
  const worker::Answer next = asked.ask(dialogue.turn(2)).at("q");
  EXPECT_EQ(next.token_ids, dialogue.ids(2));
  EXPECT_EQ(next.prefilled_tokens, next.prompt_tokens - in_common(again, next));
}

TEST(HeldTurn, ATurnThatCannotBeBuiltFailsOnceAndDropsWhatIsHeld) {
  Asked asked;
  const Dialogue dialogue(0);
  asked.ask(dialogue.turn(0));
  worker::AskRequest broken = dialogue.turn(1);
  broken.items.front().conversation.back().parts = {Part::of_text("What is <image>?")};
  EXPECT_EQ(asked.ask(broken).at("q").error_code, "E-PROMPT-IMAGES");
  EXPECT_EQ(asked.done.failed, 1U);
  EXPECT_EQ(asked.engine.reading().active, asked.loaded.weights);
}

}  // namespace
}  // namespace headroom::mlx_worker::testing
