#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "text/ordered_json.h"

namespace headroom::text {

/// What the settings beside a tokenizer.json say about special tokens.
struct SpecialTokens {
  OrderedJson named = OrderedJson::object();  ///< "bos_token": "<s>", model-specific ones included
  OrderedJson added = OrderedJson::array();   ///< all of them, in tokenizer.json's added-token form
};

/// Reads every shape that Transformers has written: a token as text or as table; lists and tables
/// of extra ones; tokens by id. `tokens_map` (special_tokens_map.json) counts only beside settings
/// without `added_tokens_decoder`, as in Transformers. Throws UsageError("E-TOKENIZER") with
/// `where` in front when a key has another shape. Source: Transformers, tokenization_utils_base.py,
/// _from_pretrained.
SpecialTokens read_special_tokens(OrderedJson settings,
                                  const std::optional<OrderedJson>& tokens_map,
                                  const std::string& where);

/// The same of `folder`/tokenizer_config.json and special_tokens_map.json, as far as they are
/// there.
SpecialTokens load_special_tokens(const std::filesystem::path& folder);

}  // namespace headroom::text
