#pragma once

#include <cstdint>
#include <vector>

#include "base/conversation.h"

namespace headroom::run {

/// How the prompts of a group begin.
struct SharedBeginning {
  std::uint32_t text_tokens =
      0;                      ///< that all of them begin with, estimated as the prompt's tokens are
  bool with_pictures = true;  ///< all of the pictures come before the first difference
};

/// Of conversations that are asked together; one alone shares nothing. Whole equal conversations
/// count as different at their end.
SharedBeginning shared_beginning(const std::vector<const Conversation*>& conversations);

/// Stands for a conversation up to its last picture, this included; equal for those that hold the
/// pictures' prefix in common, and for all without a picture.
std::uint64_t pictures_beginning(const Conversation& conversation);

}  // namespace headroom::run
