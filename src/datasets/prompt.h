#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/conversation.h"

namespace headroom::datasets {

/// P1 of the open-ended benchmarks: "{question}\nAnswer the question using a single word or
/// phrase."
std::string short_answer_prompt(std::string_view question);

/// An option's letter and its text. Letters are the data's own and need not begin with A.
using Option = std::pair<char, std::string>;

/// "{question}\nA. …\nB. …\nAnswer with the option's letter from the given choices directly."
std::string options_prompt(std::string_view question, const std::vector<Option>& options);

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
