#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace headroom {

/// One piece of a message, in order: a text, or the place of a picture.
struct Part {
  enum class Kind { kText, kImage };
  Kind kind = Kind::kText;
  std::string text;       ///< of a text part
  std::size_t image = 0;  ///< of a picture part: index into the group's pictures

  static Part of_text(std::string text) { return {Kind::kText, std::move(text), 0}; }

  static Part of_image(std::size_t image) { return {Kind::kImage, {}, image}; }

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

}  // namespace headroom
