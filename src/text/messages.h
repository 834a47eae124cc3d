#pragma once

#include "text/ordered_json.h"

namespace headroom::text {

/// The messages as Transformers hands them to a template: without keys that are null, with a
/// reasoning text under the names that templates read. `messages` is a list of tables. Source:
/// Transformers, utils/chat_template_utils.py, _normalize_chat_messages and
/// _alias_reasoning_fields.
OrderedJson normalise_messages(const OrderedJson& messages);

}  // namespace headroom::text
