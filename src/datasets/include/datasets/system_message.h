#pragma once

#include <string>

#include "datasets/item.h"

namespace headroom::datasets {

/// Puts a system message in front of a conversation; one that is there already begins with the
/// text. An empty text changes nothing.
void put_system(Conversation& conversation, const std::string& text);

/// The same data, each item's conversation with that system message.
Dataset with_system(Dataset dataset, const std::string& text);

}  // namespace headroom::datasets
