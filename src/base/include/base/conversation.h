#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace headroom {

/// One piece of a message, in order: a text, the place of a picture, or the place of an answer that
/// the same model gave to an earlier item. Such an answer part is a text before any engine sees it.
struct Part {
  enum class Kind { kText, kImage, kAnswer };
  Kind kind = Kind::kText;
  std::string text;       ///< of a text part; of an answer part: the id of the earlier item
  std::size_t image = 0;  ///< of a picture part: index into the group's pictures

  static Part of_text(std::string text) { return {Kind::kText, std::move(text), 0}; }

  static Part of_image(std::size_t image) { return {Kind::kImage, {}, image}; }

  static Part of_answer(std::string id) { return {Kind::kAnswer, std::move(id), 0}; }

  bool operator==(const Part&) const = default;
};

/// One turn. `role` is "system", "user" or "assistant".
struct Message {
  std::string role;
  std::vector<Part> parts;
  bool operator==(const Message&) const = default;
};

/// What is put to the model, before any chat template. The last message is the user's.
using Conversation = std::vector<Message>;

/// Whether an answer part is in it.
inline bool needs_earlier_answer(const Conversation& conversation) {
  for (const Message& message : conversation) {
    for (const Part& part : message.parts) {
      if (part.kind == Part::Kind::kAnswer) {
        return true;
      }
    }
  }
  return false;
}

}  // namespace headroom
