#include "models/prompt.h"

#include <fmt/format.h>

#include "base/errors.h"
#include "models/vision_language_model.h"

namespace headroom::models {

std::vector<std::size_t> pictures_of(const Conversation& conversation) {
  std::vector<std::size_t> indices;
  for (const Message& message : conversation) {
    for (const Part& part : message.parts) {
      if (part.kind == Part::Kind::kImage) {
        indices.push_back(part.image);
      }
    }
  }
  return indices;
}

namespace {

/// The feature that stands at each image token: the pictures' rows, one picture after the other.
std::vector<std::int32_t> feature_rows(std::span<const PlacedPicture> used) {
  std::vector<std::int32_t> rows;
  for (const PlacedPicture& placed : used) {
    for (std::uint32_t i = 0; i < placed.picture->features; ++i) {
      rows.push_back(placed.first_feature + static_cast<std::int32_t>(i));
    }
  }
  return rows;
}

}  // namespace

text::OrderedJson PictureProcessor::messages(const Conversation& conversation) const {
  return text::to_template_messages(conversation);
}

std::vector<std::int32_t> PictureProcessor::tokens(const std::string& prompt,
                                                   std::span<const PreparedPicture* const> pictures,
                                                   const text::Tokenizer& tokenizer) const {
  const auto& first = tokenizer.bos_token();
  const bool written = first && prompt.starts_with(*first);
  return tokenizer.encode(expand(prompt, pictures), !written);
}

void check_tokens(std::span<const engine::PromptToken> tokens, std::int32_t vocabulary) {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].feature < 0 && (tokens[i].id < 0 || tokens[i].id >= vocabulary)) {
      throw InputError("E-PROMPT-TOKEN",
                       fmt::format("token {} of the prompt has id {}, the model knows 0 to {}: "
                                   "tokenizer and weights are not of one checkpoint",
                                   i,
                                   tokens[i].id,
                                   vocabulary - 1));
    }
  }
}

Prompt build_prompt(const Conversation& conversation,
                    std::span<const PlacedPicture> pictures,
                    const VisionLanguageModel& model,
                    const PictureProcessor& processor,
                    const text::ChatTemplate& chat_template,
                    const text::Tokenizer& tokenizer) {
  std::vector<PlacedPicture> used;
  std::vector<const PreparedPicture*> prepared;
  for (const std::size_t index : pictures_of(conversation)) {
    if (index >= pictures.size()) {
      throw InputError(
          "E-PROMPT-IMAGES",
          fmt::format(
              "the conversation names picture {}, the group has {}", index, pictures.size()));
    }
    used.push_back(pictures[index]);
    prepared.push_back(pictures[index].picture);
  }
  text::TemplateVariables variables;
  variables.extra = tokenizer.special_tokens_map();
  Prompt prompt;
  prompt.text = chat_template.render_messages(processor.messages(conversation), variables);
  const auto ids = processor.tokens(prompt.text, prepared, tokenizer);
  const auto rows = feature_rows(used);
  std::size_t next = 0;
  for (const std::int32_t id : ids) {
    const bool image = id == model.image_token();
    prompt.tokens.push_back({id, image && next < rows.size() ? rows[next] : -1});
    next += image ? 1 : 0;
  }
  if (next != rows.size()) {
    throw InputError("E-PROMPT-IMAGES",
                     fmt::format("the prompt holds {} image tokens for {} image features of {} "
                                 "pictures",
                                 next,
                                 rows.size(),
                                 used.size()));
  }
  if (prompt.tokens.empty()) {
    throw InputError("E-TEMPLATE-RENDER", "the prompt is empty");
  }
  model.place(prompt.tokens, prepared);
  prompt.image_tokens = static_cast<std::uint32_t>(next);
  return prompt;
}

}  // namespace headroom::models
