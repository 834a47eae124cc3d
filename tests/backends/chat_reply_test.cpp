#include "chat_reply.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/files.h"
#include "base/json.h"
#include "support/case_text.h"

namespace headroom::backends {
namespace {

const std::filesystem::path kCase =
    std::filesystem::path(HEADROOM_TEST_DATA) / "cases/24-http-200-with-error";

ChatReply good(std::string_view body) {
  const auto read = read_reply(body);
  if (const auto* const fault = std::get_if<ServerFault>(&read)) {
    ADD_FAILURE() << fault->text;
    return {};
  }
  return std::get<ChatReply>(read);
}

ServerFault bad(std::string_view body) {
  const auto read = read_reply(body);
  if (std::holds_alternative<ChatReply>(read)) {
    ADD_FAILURE() << "taken for an answer: " << body;
    return {};
  }
  return std::get<ServerFault>(read);
}

TEST(ChatReply, TellsAnswersFromTheRestInEveryBodyWithStatus200) {
  const Json bodies = parse_json(read_file(kCase / "input/bodies.json"), "bodies.json");
  const Json truth = parse_json(read_file(kCase / "expected.json"), "expected.json");
  std::map<std::string, std::string> by_name;
  for (const Json& body : bodies) {
    by_name[body["name"]] = body.contains("body_hex") ? test::from_hex(body["body_hex"])
                                                      : body["body"].get<std::string>();
  }
  for (const Json& row : truth["rows"]) {
    const std::string id = row["id"];
    SCOPED_TRACE(id);
    const auto read = read_reply(by_name.at(id));
    if (row["outcome"] == "answered" && !row.contains("accept_also")) {
      ASSERT_TRUE(std::holds_alternative<ChatReply>(read));
      EXPECT_EQ(std::get<ChatReply>(read).text, row["answer"]);
    } else if (row["outcome"] == "refused") {
      ASSERT_TRUE(std::holds_alternative<ChatReply>(read));
      EXPECT_NE(std::get<ChatReply>(read).refusal, "");
    } else if (row["outcome"] == "server") {
      ASSERT_TRUE(std::holds_alternative<ServerFault>(read));
      for (const std::string word : row["message_contains"]) {
        const std::string text = std::get<ServerFault>(read).text;
        EXPECT_NE(test::lower(text).find(test::lower(word)), std::string::npos) << text;
      }
    }
  }
}

TEST(ChatReply, PutsAStreamTogether) {
  const ChatReply reply = good(
      ": ping\r\n\r\n"
      "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":null}}]}\r\n\r\n"
      "data: {\"choices\":[{\"delta\":{\"content\":\" re\"}}]}\r\n\r\n"
      "data: {\"choices\":[{\"delta\":\ndata: {\"content\":\"d\"}}]}\n\n"
      "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}\n\n"
      "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":40,\"completion_tokens\":2,"
      "\"prompt_tokens_details\":{\"cached_tokens\":30}}}\n\n"
      "data: [DONE]\n\n");
  EXPECT_EQ(reply.text, "red");
  EXPECT_EQ(reply.finish, "length");
  EXPECT_EQ(reply.prompt_tokens, 40U);
  EXPECT_EQ(reply.completion_tokens, 2U);
  EXPECT_EQ(reply.cached_tokens, 30U);
}

TEST(ChatReply, ReadsTheLastEventWithoutItsBlankLine) {
  EXPECT_EQ(
      good("data: {\"choices\":[{\"delta\":{\"content\":\"red\"},\"finish_reason\":\"stop\"}]}")
          .text,
      "red");
}

TEST(ChatReply, TakesAStreamWithoutAnEndForNoAnswer) {
  const ServerFault fault =
      bad("data: {\"choices\":[{\"delta\":{\"content\":\"the shape\"}}]}\n\n");
  EXPECT_NE(fault.text.find("ended after 1 pieces"), std::string::npos) << fault.text;
}

TEST(ChatReply, KeepsAnErrorInAStream) {
  const ServerFault fault =
      bad("data: {\"choices\":[{\"delta\":{\"content\":\"the\"}}]}\n\n"
          "data: {\"error\":{\"code\":500,\"message\":\"slot is "
          "gone\",\"type\":\"server_error\"}}\n\n");
  EXPECT_EQ(fault.text, "slot is gone");
  EXPECT_EQ(fault.code, 500);
}

TEST(ChatReply, ReadsLogProbabilitiesWithAndWithoutIds) {
  const ChatReply reply = good(
      R"({"choices":[{"finish_reason":"stop","message":{"content":"red"},"logprobs":{"content":[)"
      R"({"id":7,"token":"r","logprob":-0.5,"top_logprobs":[{"id":7,"logprob":-0.5},{"id":9,"logprob":-2}]},)"
      R"({"token":"ed","logprob":null,"top_logprobs":[]}]}}]})");
  ASSERT_EQ(reply.log_probs.size(), 2U);
  EXPECT_EQ(reply.log_probs[0].token, 7);
  EXPECT_DOUBLE_EQ(reply.log_probs[0].log_prob, -0.5);
  ASSERT_EQ(reply.log_probs[0].top.size(), 2U);
  EXPECT_EQ(reply.log_probs[0].top[1], (std::pair<std::int32_t, double>(9, -2)));
  EXPECT_EQ(reply.log_probs[1].token, -1);
  EXPECT_TRUE(std::isnan(reply.log_probs[1].log_prob));
  EXPECT_EQ(reply.token_ids, std::vector<std::int32_t>{7});
}

TEST(ChatReply, ReadsTheServersOwnTimes) {
  const ChatReply reply = good(
      R"({"choices":[{"message":{"content":"red"}}],"timings":{"cache_n":5,"prompt_ms":12.5,"predicted_ms":-1}})");
  EXPECT_EQ(reply.prefill_seconds, 0.0125);
  EXPECT_FALSE(reply.decode_seconds.has_value());
  EXPECT_EQ(reply.cached_tokens, 5U);
}

TEST(ChatReply, SurvivesEveryCutOfABody) {
  const std::string whole =
      "data: {\"choices\":[{\"delta\":{\"content\":\"r\\u00e9d\"},\"finish_reason\":\"stop\"}],"
      "\"usage\":{\"prompt_tokens\":-1}}\n\ndata: [DONE]\n\n";
  for (std::size_t length = 0; length <= whole.size(); ++length) {
    read_reply(whole.substr(0, length));
    read_fault(whole.substr(length));
  }
  for (const char* odd : {"null",
                          "1",
                          "\"x\"",
                          "[1,2]",
                          "{\"choices\":[1]}",
                          "{\"choices\":{}}",
                          "{\"error\":{}}",
                          "{\"error\":[]}",
                          "data:",
                          "data: 1\n\n",
                          "\xff\xfe{}"}) {
    read_reply(odd);
    read_fault(odd);
  }
}

}  // namespace
}  // namespace headroom::backends
