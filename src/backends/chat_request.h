#pragma once

#include <string>
#include <vector>

#include "worker/messages.h"

namespace headroom::backends {

/// What the limit of an answer's tokens is called: models that reason take the second name alone.
enum class LimitName { kMaxTokens, kMaxCompletionTokens };

/// The body of one chat completion: greedy, streamed. `model` empty: the server has only one.
/// `pictures`: data URLs of the group's pictures, in its order. Their bytes are put in as they are,
/// so a body costs one copy of each.
/// Throws InputError("E-PROMPT") for a picture that the group does not have.
std::string chat_request(const std::string& model,
                         const worker::AskItem& item,
                         const std::vector<std::string>& pictures,
                         LimitName limit = LimitName::kMaxTokens);

/// The messages alone with each picture as "<picture N>", for the record.
std::string shown_messages(const worker::AskItem& item);

}  // namespace headroom::backends
