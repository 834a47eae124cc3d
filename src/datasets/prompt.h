#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/conversation.h"
#include "datasets/item.h"

namespace headroom::datasets {

/// P1 of the open-ended benchmarks: "{question}\nAnswer the question using a single word or
/// phrase."
std::string short_answer_prompt(std::string_view question);

/// "A. …\nB. …".
std::string option_lines(const std::vector<Option>& options);

/// "{question}\nA. …\nB. …\nAnswer with the option's letter from the given choices directly."
std::string options_prompt(std::string_view question, const std::vector<Option>& options);

/// No text, or white space alone.
bool is_blank(std::string_view text);

/// How often the text has `<image>`.
std::size_t count_places(std::string_view text);

struct Asked {
  Conversation conversation;
  std::string defect;  ///< why it cannot be asked; then there is no conversation
};

/// One user turn. Without `<image>` in the text the pictures stand before it, in their order. With
/// as many `<image>` as pictures, each is its picture's place and leaves no trace: at the start of
/// the text the white space after it goes too. Any other number of `<image>` is a defect with both
/// numbers.
Asked ask_about(std::size_t pictures, std::string_view text);

}  // namespace headroom::datasets
