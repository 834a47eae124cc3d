#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/conversation.h"
#include "engine/language_model.h"
#include "models/vision_language_model.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace headroom::models {

/// A conversation as the model reads it.
struct Prompt {
  std::string text;  ///< as the template wrote it, pictures' places not yet written out
  std::vector<engine::PromptToken> tokens;
  std::uint32_t image_tokens = 0;
};

/// A picture of the group, and the row of the group's features where its own begin.
struct PlacedPicture {
  const PreparedPicture* picture = nullptr;
  std::int32_t first_feature = 0;
};

/// Renders, writes out the pictures' places, encodes, gives each image token its feature, and each
/// token its place (VisionLanguageModel::place).
/// `pictures`: of the group; those that the conversation names must be there.
/// Throws: InputError: E-TEMPLATE-…; E-PROMPT-IMAGES with both numbers when the prompt has more or
/// fewer places than the conversation has pictures (as when a question holds the place's word), or
/// when image tokens and image features differ.
Prompt build_prompt(const Conversation& conversation,
                    std::span<const PlacedPicture> pictures,
                    const VisionLanguageModel& model,
                    const PictureProcessor& processor,
                    const text::ChatTemplate& chat_template,
                    const text::Tokenizer& tokenizer);

/// Throws: InputError("E-PROMPT-TOKEN") when a token has no row in an embedding of `vocabulary`
/// rows, as with a tokenizer or a golden file of another checkpoint: looking it up reads what lies
/// outside.
void check_tokens(std::span<const engine::PromptToken> tokens, std::int32_t vocabulary);

/// Indices of a conversation's pictures, in order, repeated where it repeats them.
std::vector<std::size_t> pictures_of(const Conversation& conversation);

}  // namespace headroom::models
