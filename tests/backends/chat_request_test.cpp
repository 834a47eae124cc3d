#include "chat_request.h"

#include <gtest/gtest.h>

#include "base/errors.h"
#include "base/json.h"

namespace headroom::backends {
namespace {

worker::AskItem item_with(Conversation conversation) {
  worker::AskItem item;
  item.id = "a";
  item.conversation = std::move(conversation);
  item.max_tokens = 7;
  return item;
}

TEST(ChatRequest, PutsTextsAndPicturesInTheirOrder) {
  const worker::AskItem item =
      item_with({{"system", {Part::of_text("Be \"brief\".")}},
                 {"user", {Part::of_image(1), Part::of_text("What?\n"), Part::of_image(0)}},
                 {"assistant", {Part::of_text("A dog")}},
                 {"user", {Part::of_text("Sure"), Part::of_text("?")}}});
  const Json body = Json::parse(
      chat_request("m", item, {"data:image/png;base64,AA==", "data:image/jpeg;base64,BB=="}));
  EXPECT_EQ(body["model"], "m");
  EXPECT_EQ(body["max_tokens"], 7);
  EXPECT_EQ(body["temperature"], 0);
  EXPECT_EQ(body["stream"], true);
  EXPECT_FALSE(body.contains("logprobs"));
  EXPECT_EQ(body["messages"], Json::parse(R"([
    {"role":"system","content":"Be \"brief\"."},
    {"role":"user","content":[
      {"type":"image_url","image_url":{"url":"data:image/jpeg;base64,BB=="}},
      {"type":"text","text":"What?\n"},
      {"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]},
    {"role":"assistant","content":"A dog"},
    {"role":"user","content":"Sure?"}])"));
}

TEST(ChatRequest, AsksForLogProbabilitiesWhenWanted) {
  worker::AskItem item = item_with({{"user", {Part::of_text("x")}}});
  item.top_log_probs = 5;
  const Json body = Json::parse(chat_request("", item, {}));
  EXPECT_EQ(body["logprobs"], true);
  EXPECT_EQ(body["top_logprobs"], 5);
  EXPECT_FALSE(body.contains("model"));
}

TEST(ChatRequest, RefusesAPictureThatIsNotThere) {
  EXPECT_THROW(chat_request("", item_with({{"user", {Part::of_image(0)}}}), {}), InputError);
}

TEST(ChatRequest, ShowsMessagesWithoutTheirPictures) {
  EXPECT_EQ(shown_messages(item_with({{"user", {Part::of_image(0), Part::of_text("What?")}}})),
            R"([{"role":"user","content":[{"type":"image_url","image_url":{"url":"<picture 1>"}},)"
            R"({"type":"text","text":"What?"}]}])");
}

}  // namespace
}  // namespace headroom::backends
