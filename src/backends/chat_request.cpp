#include "chat_request.h"

#include <fmt/format.h>

#include "base/errors.h"
#include "base/json.h"

namespace headroom::backends {

namespace {

bool has_picture(const Message& message) {
  for (const Part& part : message.parts) {
    if (part.kind == Part::Kind::kImage) {
      return true;
    }
  }
  return false;
}

std::string text_of(const Part& part) {
  if (part.kind == Part::Kind::kAnswer) {
    throw InternalError("an earlier answer's place was sent to a server unfilled");
  }
  return part.text;
}

/// One text where there is no picture: some servers take nothing else.
void append_text(std::string& body, const Message& message) {
  std::string text;
  for (const Part& part : message.parts) {
    text += text_of(part);
  }
  body += dump_json(text);
}

void append_parts(std::string& body,
                  const Message& message,
                  const std::vector<std::string>& pictures) {
  const char* separator = "[";
  for (const Part& part : message.parts) {
    body += separator;
    separator = ",";
    if (part.kind != Part::Kind::kImage) {
      body += R"({"type":"text","text":)" + dump_json(text_of(part)) + "}";
      continue;
    }
    if (part.image >= pictures.size()) {
      throw InputError(
          "E-PROMPT",
          fmt::format(
              "the question names picture {}, its group has {}", part.image + 1, pictures.size()));
    }
    body += R"({"type":"image_url","image_url":{"url":")";
    body += pictures[part.image];  // base64: nothing to escape
    body += R"("}})";
  }
  body += "]";
}

void append_messages(std::string& body,
                     const Conversation& conversation,
                     const std::vector<std::string>& pictures) {
  const char* separator = "[";
  for (const Message& message : conversation) {
    body += separator;
    separator = ",";
    body += R"({"role":)" + dump_json(message.role) + R"(,"content":)";
    if (has_picture(message)) {
      append_parts(body, message, pictures);
    } else {
      append_text(body, message);
    }
    body += "}";
  }
  body += conversation.empty() ? "[]" : "]";
}

}  // namespace

std::string chat_request(const std::string& model,
                         const worker::AskItem& item,
                         const std::vector<std::string>& pictures,
                         LimitName limit) {
  Json settings = {
      {limit == LimitName::kMaxTokens ? "max_tokens" : "max_completion_tokens", item.max_tokens},
      {"temperature", 0},
      {"stream", true},
      {"stream_options", {{"include_usage", true}}}};
  if (!model.empty()) {
    settings["model"] = model;
  }
  if (item.top_log_probs > 0) {
    settings["logprobs"] = true;
    settings["top_logprobs"] = item.top_log_probs;
  }
  std::string body = dump_json(settings);
  body.pop_back();
  body += R"(,"messages":)";
  append_messages(body, item.conversation, pictures);
  body += "}";
  return body;
}

std::string shown_messages(const worker::AskItem& item) {
  std::vector<std::string> names;
  for (const Message& message : item.conversation) {
    for (const Part& part : message.parts) {
      if (part.kind == Part::Kind::kImage) {
        while (names.size() <= part.image) {
          names.push_back(fmt::format("<picture {}>", names.size() + 1));
        }
      }
    }
  }
  std::string text;
  append_messages(text, item.conversation, names);
  return text;
}

}  // namespace headroom::backends
