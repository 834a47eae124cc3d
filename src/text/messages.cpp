#include "messages.h"

#include <array>

#include "base/errors.h"
#include "text/chat_template.h"

namespace headroom::text {

OrderedJson to_template_messages(const Conversation& conversation) {
  OrderedJson messages = OrderedJson::array();
  for (const auto& message : conversation) {
    OrderedJson content = OrderedJson::array();
    for (const auto& part : message.parts) {
      if (part.kind == Part::Kind::kAnswer) {
        throw InternalError("prompt: the answer to item '" + part.text + "' is not there yet");
      }
      if (part.kind == Part::Kind::kImage) {
        content.push_back({{"type", "image"}});
      } else {
        content.push_back({{"type", "text"}, {"text", part.text}});
      }
    }
    messages.push_back({{"role", message.role}, {"content", std::move(content)}});
  }
  return messages;
}

namespace {

/// Names under which a message's reasoning is passed; the first is the standard one.
constexpr std::array<const char*, 3> kReasoning = {"reasoning_content", "thinking", "reasoning"};

OrderedJson without_nulls(const OrderedJson& message) {
  OrderedJson kept = OrderedJson::object();
  for (const auto& [key, value] : message.items()) {
    if (!value.is_null()) {
      kept[key] = value;
    }
  }
  return kept;
}

OrderedJson with_reasoning_names(OrderedJson message) {
  for (const char* name : kReasoning) {
    if (!message.contains(name)) {
      continue;
    }
    const OrderedJson reasoning = message[name];
    OrderedJson aliased = {{"thinking", reasoning}};
    for (const auto& [key, value] : message.items()) {
      aliased[key] = value;
    }
    aliased["reasoning_content"] = reasoning;
    return aliased;
  }
  return message;
}

}  // namespace

OrderedJson normalise_messages(const OrderedJson& messages) {
  OrderedJson normalised = OrderedJson::array();
  for (const auto& message : messages) {
    normalised.push_back(with_reasoning_names(without_nulls(message)));
  }
  return normalised;
}

}  // namespace headroom::text
