#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "models/vision_language_model.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace headroom::models {

struct StopTokens {
  std::set<std::int32_t> ids;
  std::vector<std::string> notices;  ///< ids that do not exist, a generation that nothing would end
};

/// Every id that ends an answer: those of generation_config.json, of config.json at the top and in
/// text_config, the tokenizer's end of sequence, and the special token that the template writes
/// after an assistant's turn. Checkpoints often leave one or the other out.
/// Throws: UsageError("E-CONFIG") for an eos_token_id that is neither a number, a list, nor null.
StopTokens find_stop_tokens(const std::filesystem::path& folder,
                            const Json& config,
                            const text::Tokenizer& tokenizer,
                            const text::ChatTemplate& chat_template,
                            const PictureProcessor& processor);

}  // namespace headroom::models
