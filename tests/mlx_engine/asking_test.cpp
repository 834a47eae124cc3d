#include "asking.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <thread>

#include "base/files.h"
#include "base/iso_time.h"
#include "base/json.h"
#include "support/fake_clock.h"
#include "support/temporary_folder.h"

namespace headroom::mlx_worker::testing {
namespace {

worker::AskRequest about_scene(std::vector<worker::AskItem> items) {
  worker::AskRequest request;
  request.group = "scene";
  request.pictures = {picture(test_data() / "demo/scenes/0000.png")};
  request.items = std::move(items);
  return request;
}

using Ids = std::map<std::string, std::vector<std::int32_t>>;

/// Groups of easy-VQA, picture by picture, until they hold `count` questions.
std::vector<worker::AskRequest> easy_vqa_groups(std::size_t count) {
  const Json rows = parse_json(read_file(easy_vqa() / "questions.json"), "questions.json");
  std::map<int, worker::AskRequest> groups;
  for (std::size_t i = 0; i < count; ++i) {
    worker::AskRequest& request = groups[rows[i][2].get<int>()];
    request.group = std::to_string(rows[i][2].get<int>());
    request.pictures = {picture(easy_vqa() / "images" / (request.group + ".png"))};
    request.items.push_back(question(std::to_string(i), rows[i][0]));
  }
  std::vector<worker::AskRequest> all;
  for (auto& [number, request] : groups) {
    all.push_back(std::move(request));
  }
  return all;
}

Ids ask_all(Asked& asked, std::vector<worker::AskRequest> groups, const worker::AskLimits& limits) {
  Ids ids;
  for (worker::AskRequest& request : groups) {
    request.limits = limits;
    for (const auto& [id, answer] : asked.ask(request)) {
      EXPECT_EQ(answer.outcome, Outcome::kAnswered) << answer.error;
      ids[id] = answer.token_ids;
    }
  }
  return ids;
}

TEST(Asking, TemplatesAreToldTheMomentOfTheLoadRequest) {
  const test::TemporaryFolder folder;
  const auto model = folder / "model";
  std::filesystem::copy(demo_model(), model);
  std::ofstream(model / "chat_template.jinja")
      << "{{ strftime_now('%Y') }} {{ messages[0]['content'][0]['text'] }}";
  Asked asked(model);
  worker::LoadRequest request;
  request.model = model.string();
  request.now = time_from_iso("2031-06-15T12:00:00Z");
  asked.engine.load(request);
  worker::AskRequest ask;
  ask.group = "dated";
  ask.items = {question("a", "what?", false)};
  ask.items[0].want_prompt = true;
  EXPECT_EQ(asked.ask(ask).at("a").prompt, "2031 what?");
}

TEST(Asking, BatchedSharedChunkedAndSingleAnswersAreTheSame) {
  Asked asked;
  const auto groups = easy_vqa_groups(500);
  const Ids shared = ask_all(asked, groups, {});
  ASSERT_EQ(shared.size(), 500U);
  EXPECT_EQ(ask_all(asked, groups, {.share_prefix = false}), shared);
  EXPECT_EQ(ask_all(asked, groups, {.batch = 1, .share_prefix = false}), shared);
  EXPECT_EQ(ask_all(asked, groups, {.batch = 3, .prefill_chunk = 7}), shared);
  EXPECT_EQ(ask_all(asked, groups, {.prefill_chunk = 5, .share_prefix = false}), shared);
}

TEST(Asking, AReleasedVisionTowerChangesNoAnswerAndIsHeldAgainWhenNeeded) {
  Asked asked;
  const auto groups = easy_vqa_groups(30);
  const Ids held = ask_all(asked, groups, {});
  EXPECT_EQ(ask_all(asked, groups, {.release_vision = true}), held);
  EXPECT_LT(asked.engine.reading().active, asked.loaded.weights);
  EXPECT_EQ(ask_all(asked, groups, {}), held);
  EXPECT_EQ(asked.engine.reading().active, asked.loaded.weights);
}

TEST(Asking, AReleasedVisionTowerIsNotHeldWhileTextIsAskedAndComesBackAfterAFailure) {
  Asked asked;
  worker::PlanRequest plan;
  plan.model = demo_model().string();
  const Bytes vision = asked.engine.plan(plan).vision_weights;
  worker::AskRequest text = about_scene({question("text", "How many shapes are there?", false)});
  text.limits.release_vision = true;
  EXPECT_EQ(asked.ask(text).at("text").text, "I cannot see an image.");
  EXPECT_EQ(*asked.engine.reading().active + vision, asked.loaded.weights);
  worker::AskRequest scene = about_scene({question("q", "what color is the circle?")});
  scene.limits.release_vision = true;
  scene.limits.memory = Bytes(1);
  EXPECT_EQ(asked.ask(scene).at("q").outcome, Outcome::kMemory);
  EXPECT_EQ(*asked.engine.reading().active + vision, asked.loaded.weights) << "in its encode";
  scene.limits.memory.reset();
  EXPECT_EQ(asked.ask(scene).at("q").text, "black");
  EXPECT_EQ(*asked.engine.reading().active + vision, asked.loaded.weights);
}

TEST(Asking, QuantisedCacheAnswersNearlyAllTheSameAndSaysSo) {
  Asked asked;
  const auto groups = easy_vqa_groups(120);
  const Ids whole = ask_all(asked, groups, {});
  const Ids quantised = ask_all(asked, groups, {.kv_bits = 8});
  std::size_t same = 0;
  for (const auto& [id, tokens] : whole) {
    same += quantised.at(id) == tokens ? 1 : 0;
  }
  EXPECT_GE(same, 116U);
  worker::AskRequest request = about_scene({question("q", "what color is the circle?")});
  request.limits.kv_bits = 8;
  EXPECT_EQ(asked.ask(request).at("q").rung, "KV cache of 8 bits");
}

TEST(Asking, FewerTilesGiveFewerImageTokensAndAreNamedWithTheAnswersOfTheirPictures) {
  test::TemporaryFolder folder;
  Asked asked(splitting_demo(folder));
  worker::AskRequest request = about_scene({question("q", "what color is the circle?"),
                                            question("text", "How many shapes are there?", false)});
  const auto whole = asked.ask(request);
  EXPECT_EQ(whole.at("q").image_tokens, 17U * 16U);
  EXPECT_EQ(whole.at("q").rung, "");
  for (const auto& [most, tiles] : {std::pair(17U, 17U), {16U, 10U}, {5U, 5U}, {4U, 1U}}) {
    request.limits.max_tiles = most;
    for (const bool ahead : {false, true}) {
      if (ahead) {
        asked.engine.prepare(request);
      }
      const auto answers = asked.ask(request);
      EXPECT_EQ(answers.at("q").outcome, Outcome::kAnswered) << answers.at("q").error;
      EXPECT_EQ(answers.at("q").image_tokens, tiles * 16U);
      EXPECT_EQ(answers.at("q").rung,
                tiles == 17 ? "" : "image tiles 17 -> " + std::to_string(tiles));
      EXPECT_EQ(answers.at("text").rung, "");
    }
  }
}

TEST(Asking, PicturesPreparedWithOtherLimitsAreMadeAgain) {
  test::TemporaryFolder folder;
  Asked asked(splitting_demo(folder));
  worker::AskRequest request = about_scene({question("q", "what color is the circle?")});
  asked.engine.prepare(request);
  request.limits.max_tiles = 5;
  EXPECT_EQ(asked.ask(request).at("q").image_tokens, 5U * 16U);
}

TEST(Asking, NamesAllThatWasReduced) {
  test::TemporaryFolder folder;
  Asked asked(splitting_demo(folder));
  worker::AskRequest request = about_scene({question("q", "what color is the circle?")});
  request.limits.release_vision = true;
  request.limits.max_tiles = 5;
  request.limits.kv_bits = 8;
  EXPECT_EQ(asked.ask(request).at("q").rung,
            "vision tower released, image tiles 17 -> 5, KV cache of 8 bits");
}

TEST(Asking, TwoPicturesGiveDifferentLogits) {
  Asked asked;
  std::set<double> first;
  for (const char* name : {"0000.png", "0001.png"}) {
    worker::AskItem item = question("q", "Describe the image.");
    item.top_log_probs = 1;
    worker::AskRequest request = about_scene({item});
    request.pictures = {picture(test_data() / "demo/scenes" / name)};
    first.insert(asked.ask(request).at("q").log_probs.at(0).log_prob);
  }
  EXPECT_EQ(first.size(), 2U);
}

TEST(Asking, GroupOfPictureQuestionsAndTextAnswersBoth) {
  Asked asked;
  const auto answers =
      asked.ask(about_scene({question("picture", "what color is the circle?"),
                             question("text", "How many shapes are there?", false)}));
  EXPECT_EQ(answers.at("picture").text, "black");
  EXPECT_EQ(answers.at("text").text, "I cannot see an image.");
  EXPECT_EQ(answers.at("text").image_tokens, 0U);
}

TEST(Asking, ReportsItsTokensPicturesAndTimes) {
  Asked asked;
  const auto answers = asked.ask(about_scene(
      {question("a", "what color is the circle?"), question("b", "where is the black circle?")}));
  const worker::Answer& a = answers.at("a");
  EXPECT_EQ(a.image_tokens, 16U);
  EXPECT_GT(a.prompt_tokens, 16U);
  EXPECT_TRUE(a.stopped);
  EXPECT_EQ(a.picture_hashes.size(), 1U);
  EXPECT_EQ(a.picture_hashes, answers.at("b").picture_hashes);
  // The shared prefix counts once.
  EXPECT_EQ(a.prefilled_tokens, a.prompt_tokens);
  EXPECT_LT(answers.at("b").prefilled_tokens, answers.at("b").prompt_tokens);
  EXPECT_GT(a.seconds.encode, 0);
  EXPECT_GT(a.seconds.prefill, 0);
  EXPECT_GT(a.seconds.decode, 0);
  EXPECT_GE(a.after.peak->count(), a.after.active->count());
  EXPECT_EQ(asked.done.answered, 2U);
}

TEST(Asking, LogProbabilitiesStandBesideEachToken) {
  Asked asked;
  worker::AskItem item = question("q", "what color is the circle?");
  item.top_log_probs = 3;
  const worker::Answer answer = asked.ask(about_scene({item})).at("q");
  ASSERT_EQ(answer.log_probs.size(), answer.token_ids.size());
  for (std::size_t i = 0; i < answer.token_ids.size(); ++i) {
    EXPECT_EQ(answer.log_probs[i].token, answer.token_ids[i]);
    ASSERT_EQ(answer.log_probs[i].top.size(), 3U);
    EXPECT_EQ(answer.log_probs[i].top[0].first, answer.token_ids[i]);
    EXPECT_LE(answer.log_probs[i].log_prob, 0);
    EXPECT_GE(answer.log_probs[i].top[1].second, answer.log_probs[i].top[2].second);
  }
}

TEST(Asking, MaxTokensCutsTheAnswer) {
  Asked asked;
  worker::AskItem item = question("q", "Describe the image.");
  item.max_tokens = 3;
  const worker::Answer answer = asked.ask(about_scene({item})).at("q");
  EXPECT_EQ(answer.token_ids, (std::vector<std::int32_t>{373, 300, 375}));
  EXPECT_FALSE(answer.stopped);
}

TEST(Asking, RowsThatFinishEarlyLeaveTheOthersUnchanged) {
  Asked asked;
  const auto alone = asked.ask(about_scene({question("long", "Describe the image.")}));
  const auto mixed = asked.ask(about_scene({question("short", "is there a circle?"),
                                            question("long", "Describe the image."),
                                            question("other", "what color is the circle?")}));
  EXPECT_EQ(mixed.at("long").token_ids, alone.at("long").token_ids);
  EXPECT_LT(mixed.at("short").token_ids.size(), mixed.at("long").token_ids.size());
}

TEST(Asking, BrokenPictureFailsItsItemsAloneAndNamesIt) {
  test::TemporaryFolder folder;
  std::ofstream(folder / "broken.png") << "<!DOCTYPE html><html></html>";
  Asked asked;
  worker::AskRequest request = about_scene({question("q1", "what color is the circle?"),
                                            question("q2", "is there a circle?"),
                                            question("text", "How many shapes are there?", false)});
  request.pictures = {picture(folder / "broken.png")};
  const auto answers = asked.ask(request);
  for (const char* id : {"q1", "q2"}) {
    EXPECT_EQ(answers.at(id).outcome, Outcome::kImage);
    EXPECT_EQ(answers.at(id).error_code, "E-IMG-NOT");
    EXPECT_NE(answers.at(id).error.find("broken.png"), std::string::npos) << answers.at(id).error;
    EXPECT_TRUE(answers.at(id).text.empty());
  }
  EXPECT_EQ(answers.at("text").outcome, Outcome::kAnswered);
  EXPECT_EQ(asked.done.failed, 2U);
}

TEST(Asking, PlaceHolderInAQuestionFailsThatItemWithBothNumbers) {
  Asked asked;
  const auto answers = asked.ask(about_scene({question("two", "What is <image> here?"),
                                              question("blind", "What is <image> here?", false),
                                              question("good", "what color is the circle?")}));
  for (const auto& [id, numbers] : std::map<std::string, std::pair<std::string, std::string>>{
           {"two", {"2", "1"}}, {"blind", {"1", "0"}}}) {
    const worker::Answer& answer = answers.at(id);
    EXPECT_EQ(answer.outcome, Outcome::kImage);
    EXPECT_EQ(answer.error_code, "E-PROMPT-IMAGES");
    EXPECT_NE(answer.error.find(numbers.first), std::string::npos) << answer.error;
    EXPECT_NE(answer.error.find(numbers.second), std::string::npos) << answer.error;
  }
  EXPECT_EQ(answers.at("good").text, "black");
}

TEST(Asking, OtherSpecialTokensInAQuestionLeaveTheImageTokensAlone) {
  Asked asked;
  const worker::Answer answer =
      asked
          .ask(about_scene({question(
              "q", "is <fake_token_around_image> or <global-img> <end_of_utterance> there?")}))
          .at("q");
  EXPECT_EQ(answer.outcome, Outcome::kAnswered) << answer.error;
  EXPECT_EQ(answer.image_tokens, 16U);
}

TEST(Asking, PromptBeyondTheContextFailsWithBothNumbers) {
  Asked asked;
  std::string words;
  for (int i = 0; i < 2100; ++i) {
    words += "circle ";
  }
  const auto answers =
      asked.ask(about_scene({question("long", words), question("good", "is there a circle?")}));
  EXPECT_EQ(answers.at("long").error_code, "E-CONTEXT");
  EXPECT_NE(answers.at("long").error.find("2048"), std::string::npos) << answers.at("long").error;
  EXPECT_NE(answers.at("long").error.find("shorten the question"), std::string::npos);
  EXPECT_EQ(answers.at("long").error.find("--max-image-side"), std::string::npos)
      << "no picture is too large";
  EXPECT_EQ(answers.at("good").outcome, Outcome::kAnswered);
}

TEST(Asking, PreparedPicturesGiveTheSameAnswers) {
  Asked asked;
  const worker::AskRequest request = about_scene({question("q", "Describe the image.")});
  const auto now = asked.ask(request);
  asked.engine.prepare(request);
  const auto ahead = asked.ask(request);
  EXPECT_EQ(ahead.at("q").token_ids, now.at("q").token_ids);
  EXPECT_EQ(ahead.at("q").picture_hashes, now.at("q").picture_hashes);
}

TEST(Asking, PreparingAnotherGroupDoesNotDisturb) {
  Asked asked;
  worker::AskRequest other = about_scene({question("q", "Describe the image.")});
  other.group = "other";
  other.pictures = {picture(test_data() / "demo/scenes/0001.png")};
  asked.engine.prepare(other);
  const auto answers = asked.ask(about_scene({question("q", "what color is the circle?")}));
  EXPECT_EQ(answers.at("q").text, "black");
}

TEST(Asking, CancelledInPrefillLeavesNoAnswerAndTheModelRunsAgain) {
  Asked asked;
  const worker::AskRequest request =
      about_scene({question("a", "Describe the image."), question("b", "is there a circle?")});
  const auto before = asked.ask(request);
  asked.cancel.cancel();
  const auto cancelled = asked.ask(request);
  ASSERT_EQ(cancelled.size(), 2U);
  EXPECT_EQ(cancelled.at("a").outcome, Outcome::kSkipped);
  EXPECT_EQ(cancelled.at("a").error_code, "E-CANCELLED");
  asked.cancel.reset();
  const auto again = asked.ask(request);
  EXPECT_EQ(again.at("a").token_ids, before.at("a").token_ids);
  EXPECT_EQ(again.at("b").token_ids, before.at("b").token_ids);
}

TEST(Asking, MemoryLimitStopsTheGroupMidwayAndTheModelRunsAgain) {
  Asked asked;
  worker::AskRequest request = about_scene({question("q", "Describe the image.")});
  const auto before = asked.ask(request);
  request.limits.memory = asked.loaded.weights;  // no byte beside the weights
  const auto stopped = asked.ask(request);
  EXPECT_EQ(stopped.at("q").outcome, Outcome::kMemory);
  EXPECT_EQ(stopped.at("q").error_code, "E-MEM-GUARD");
  request.limits.memory.reset();
  EXPECT_EQ(asked.ask(request).at("q").token_ids, before.at("q").token_ids);
  EXPECT_EQ(asked.engine.reading().active, asked.loaded.weights);
}

TEST(Asking, DeadlineEndsTheGroupAsTimeout) {
  Asked asked;
  worker::AskRequest request = about_scene({question("q", "Describe the image.")});
  request.limits.deadline_seconds = 1e-9;
  EXPECT_EQ(asked.ask(request).at("q").outcome, Outcome::kTimeout);
  request.limits.deadline_seconds = 1000;
  EXPECT_EQ(asked.ask(request).at("q").outcome, Outcome::kAnswered);
}

/// Asks with a clock that stands still but for `step` at each reading.
std::vector<worker::BusyReading> readings_of_a_group(Duration step) {
  headroom::testing::FakeClock clock;
  NullLog log;
  MlxEngine engine(clock, log);
  worker::LoadRequest load;
  load.model = demo_model().string();
  engine.load(load);
  std::vector<worker::BusyReading> readings;
  const worker::CancelToken cancel;
  engine.ask(
      about_scene({question("a", "Describe the image."), question("b", "is there a circle?")}),
      [](worker::Answer&&) {},
      [&](const worker::BusyReading& busy) {
        readings.push_back(busy);
        clock.advance(step);
      },
      cancel);
  return readings;
}

TEST(Asking, GroupInWorkGivesReadingsOfEachPhase) {
  std::set<std::string> phases;
  for (const worker::BusyReading& busy : readings_of_a_group(std::chrono::milliseconds(50))) {
    EXPECT_EQ(busy.group, "scene");
    EXPECT_TRUE(busy.reading.active && busy.reading.peak && busy.reading.worker_footprint);
    phases.insert(busy.phase);
  }
  EXPECT_EQ(phases, (std::set<std::string>{"encode", "prefill", "decode"}));
}

TEST(Asking, ReadingsOfAGroupInWorkKeepTheirDistance) {
  EXPECT_EQ(readings_of_a_group(std::chrono::milliseconds(0)).size(), 1U);
}

TEST(Asking, NothingIsHeldBesideTheWeightsBetweenGroups) {
  Asked asked;
  asked.ask(about_scene({question("q", "Describe the image.")}));
  EXPECT_EQ(asked.engine.reading().active, asked.loaded.weights);
}

TEST(Asking, WithoutAModelIsRefused) {
  SystemClock clock;
  NullLog log;
  MlxEngine engine(clock, log);
  const worker::CancelToken cancel;
  EXPECT_THROW(engine.ask(
                   {}, [](worker::Answer&&) {}, [](const worker::BusyReading&) {}, cancel),
               UsageError);
}

}  // namespace
}  // namespace headroom::mlx_worker::testing
