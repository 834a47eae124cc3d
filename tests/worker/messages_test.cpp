#include "worker/messages.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/errors.h"
#include "samples.h"

namespace headroom::worker {

namespace {

/// Over the wire and back: the text must come out the same, and so must the structure.
template <typename T>
void expect_round_trip(const T& value) {
  const std::string line = dump_json(to_json(value));
  const T back = from_json<T>(parse_json(line, "line"));
  EXPECT_EQ(dump_json(to_json(back)), line);
}

template <typename T>
std::string refusal(const Json& json) {
  try {
    from_json<T>(json);
  } catch (const InputError& error) {
    EXPECT_EQ(error.code(), "E-CONTRACT");
    return error.what();
  }
  return "accepted";
}

TEST(Messages, EachTypeComesBackAsItWent) {
  expect_round_trip(testing::sample_hello());
  expect_round_trip(testing::sample_plan_request());
  expect_round_trip(testing::sample_load_request());
  expect_round_trip(testing::sample_loaded());
  expect_round_trip(testing::sample_ask());
  expect_round_trip(testing::sample_answer());
  expect_round_trip(testing::sample_failure());
  expect_round_trip(testing::sample_done());
  expect_round_trip(BusyReading{"g", "decode", testing::sample_reading()});
  expect_round_trip(Cleaned{testing::sample_reading(), testing::sample_reading()});
  expect_round_trip(Unloaded{testing::sample_reading(), {}});
  expect_round_trip(VerifyRequest{"goldens/a.safetensors"});
  expect_round_trip(testing::sample_verified());
  expect_round_trip(RemoteError{"budget", "E-MEM", "no"});
}

TEST(Messages, AnAskKeepsEveryField) {
  const AskRequest sent = testing::sample_ask();
  const AskRequest got = from_json<AskRequest>(to_json(sent));
  EXPECT_EQ(got.group, sent.group);
  ASSERT_EQ(got.pictures.size(), 2U);
  EXPECT_EQ(got.pictures[0].path, sent.pictures[0].path);
  EXPECT_EQ(got.pictures[1].bytes, sent.pictures[1].bytes);
  EXPECT_EQ(got.pictures[1].name, sent.pictures[1].name);
  EXPECT_EQ(got.max_image_side, sent.max_image_side);
  ASSERT_EQ(got.items.size(), 1U);
  EXPECT_EQ(got.items[0].conversation, sent.items[0].conversation);
  EXPECT_EQ(got.items[0].max_tokens, sent.items[0].max_tokens);
  EXPECT_EQ(got.items[0].top_log_probs, sent.items[0].top_log_probs);
  EXPECT_EQ(got.items[0].want_prompt, sent.items[0].want_prompt);
  EXPECT_EQ(got.limits.batch, sent.limits.batch);
  EXPECT_EQ(got.limits.prefill_chunk, sent.limits.prefill_chunk);
  EXPECT_EQ(got.limits.share_prefix, sent.limits.share_prefix);
  EXPECT_EQ(got.limits.memory, sent.limits.memory);
  EXPECT_EQ(got.limits.throttle, sent.limits.throttle);
  EXPECT_EQ(got.limits.cache, sent.limits.cache);
  EXPECT_EQ(got.limits.deadline_seconds, sent.limits.deadline_seconds);
  EXPECT_EQ(got.limits.release_vision, sent.limits.release_vision);
  EXPECT_EQ(got.limits.max_tiles, sent.limits.max_tiles);
  EXPECT_EQ(got.limits.kv_bits, sent.limits.kv_bits);
  EXPECT_EQ(got.limits.hold, sent.limits.hold);
}

TEST(Messages, AnAnswerThatIsNotInItsHistoryYetIsNeverSent) {
  AskRequest request;
  request.items.push_back({"2", {{"assistant", {Part::of_answer("1")}}}, 100, 0, false});
  EXPECT_THROW(to_json(request), InternalError);
}

TEST(Messages, AnAnswerKeepsEveryField) {
  const Answer sent = testing::sample_answer();
  const Answer got = from_json<Answer>(to_json(sent));
  EXPECT_EQ(got.text, sent.text);
  EXPECT_EQ(got.token_ids, sent.token_ids);
  EXPECT_EQ(got.stopped, sent.stopped);
  EXPECT_EQ(got.image_tokens, sent.image_tokens);
  EXPECT_EQ(got.prefilled_tokens, sent.prefilled_tokens);
  ASSERT_EQ(got.log_probs.size(), sent.log_probs.size());
  EXPECT_EQ(got.log_probs[0].top, sent.log_probs[0].top);
  EXPECT_EQ(got.prompt, sent.prompt);
  EXPECT_EQ(got.input_ids, sent.input_ids);
  EXPECT_EQ(got.picture_hashes, sent.picture_hashes);
  EXPECT_EQ(got.notices, sent.notices);
  EXPECT_EQ(got.seconds.total(), sent.seconds.total());
  EXPECT_EQ(got.after.peak, sent.after.peak);
  EXPECT_EQ(got.rung, sent.rung);
}

TEST(Messages, AnImpossibleTokenComesBackAsMinusInfinity) {
  Answer answer = testing::sample_answer();
  const double never = -std::numeric_limits<double>::infinity();
  answer.log_probs = {{5, never, {{5, never}, {6, -1.5}}}};
  const Answer got = from_json<Answer>(parse_json(dump_json(to_json(answer)), "line"));
  EXPECT_EQ(got.log_probs[0].log_prob, never);
  EXPECT_EQ(got.log_probs[0].top[0].second, never);
  EXPECT_EQ(got.log_probs[0].top[1].second, -1.5);
}

TEST(Messages, ADifferenceThatIsNotANumberNeverReadsAsAgreement) {
  Verified verified;
  verified.max_logit_difference = std::nan("");
  const Verified got = from_json<Verified>(parse_json(dump_json(to_json(verified)), "line"));
  EXPECT_TRUE(std::isnan(got.max_logit_difference));
}

TEST(Messages, PathsThatAreNotUtf8ArriveAsTheyAre) {
  AskRequest request = testing::sample_ask();
  request.pictures[0].path = "bilder/\xe4pfel.png";
  const std::string line = dump_json(to_json(request));
  EXPECT_EQ(from_json<AskRequest>(parse_json(line, "line")).pictures[0].path,
            request.pictures[0].path);
  EXPECT_EQ(from_json<LoadRequest>(to_json(LoadRequest{.model = "m\xff"})).model, "m\xff");
}

TEST(Messages, UnknownKeysArePassedOver) {
  Json json = to_json(testing::sample_answer());
  json["a_later_version"] = {{"adds", "this"}};
  EXPECT_NO_THROW(from_json<Answer>(json));
}

TEST(Messages, AShortAnswerIsEnough) {
  const Json json = {{"group", "g"}, {"id", "q"}, {"outcome", "answered"}, {"text", "yes"}};
  const Answer answer = from_json<Answer>(json);
  EXPECT_EQ(answer.text, "yes");
  EXPECT_FALSE(answer.after.peak.has_value()) << "a sensor that was not read is empty";
}

TEST(Messages, RefusalsNameTheKeyAndWhatWasThere) {
  struct Case {
    const char* path;
    Json value;
    const char* message;
  };

  const Case cases[] = {
      {"/group", nullptr, "ask.group: missing"},
      {"/group", 7, "ask.group: expected a text, got 7"},
      {"/pictures", "a.png", "ask.pictures: expected an array, got string"},
      {"/pictures/1", 3, "ask.pictures[1]: expected an object, got 3"},
      {"/pictures/1/bytes_base64",
       "a!",
       "ask.pictures[1].bytes_base64: not base64: 0x21 at byte 1"},
      {"/items/0/id", nullptr, "ask.items[0].id: missing"},
      {"/items/0/max_tokens",
       -1,
       "ask.items[0].max_tokens: expected an unsigned 32-bit integer, got -1"},
      {"/items/0/max_tokens",
       4294967296,
       "ask.items[0].max_tokens: expected an unsigned 32-bit integer, got 4294967296"},
      {"/items/0/max_tokens",
       2.5,
       "ask.items[0].max_tokens: expected an unsigned 32-bit integer, got 2.5"},
      {"/items/0/want_prompt", 1, "ask.items[0].want_prompt: expected true or false, got 1"},
      {"/items/0/conversation", Json::array(), "ask.items[0].conversation: missing or empty"},
      {"/items/0/conversation/0/role", nullptr, "ask.items[0].conversation[0].role: missing"},
      {"/items/0/conversation/0/parts/0",
       {{"text", "a"}, {"image", 0}},
       "ask.items[0].conversation[0].parts[0].text: a part has either 'text' or 'image'"},
      {"/limits/memory_bytes",
       "1GiB",
       "ask.limits.memory_bytes: expected an unsigned 64-bit integer, got string"},
      {"/limits/release_vision", 1, "ask.limits.release_vision: expected true or false, got 1"},
      {"/limits/max_tiles",
       -1,
       "ask.limits.max_tiles: expected an unsigned 32-bit integer, got -1"},
      {"/limits/kv_bits", 4, "ask.limits.kv_bits: expected 0 or 8, got 4"},
      {"/limits/deadline_seconds",
       "soon",
       "ask.limits.deadline_seconds: expected a number, got string"},
  };
  for (const Case& one : cases) {
    Json json = to_json(testing::sample_ask());
    json[Json::json_pointer(one.path)] = one.value;
    EXPECT_EQ(refusal<AskRequest>(json), one.message);
  }
}

TEST(Messages, RefusesAnAnswerWithoutItsTextOrWithAnUnknownOutcome) {
  Json json = to_json(testing::sample_answer());
  json.erase("text");
  EXPECT_EQ(refusal<Answer>(json), "answer.text: missing");
  json["outcome"] = "maybe";
  EXPECT_EQ(refusal<Answer>(json), "answer.outcome: 'maybe' is no outcome");
}

TEST(Messages, RefusesWhatIsNoObject) {
  EXPECT_EQ(refusal<Hello>(Json::array()), "hello: expected an object, got array");
  EXPECT_EQ(refusal<LoadRequest>(Json()), "load: expected an object, got null");
  EXPECT_EQ(refusal<LoadRequest>(Json::object()), "load.model: missing");
  EXPECT_EQ(refusal<LoadRequest>({{"model", "m"}, {"now", "noon"}}),
            "load.now: must read like 2026-01-02T03:04:05Z, got 'noon'");
}

}  // namespace

}  // namespace headroom::worker
