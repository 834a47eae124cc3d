#include "models/stop_tokens.h"

#include <fmt/format.h>

#include "base/errors.h"
#include "engine/checkpoint.h"

namespace headroom::models {
namespace {

/// Adds "eos_token_id" of one table: a number, a list of numbers, or nothing.
void add_ids(const Json& table,
             const std::string& where,
             const text::Tokenizer& tokenizer,
             StopTokens& stops) {
  const auto found = table.find("eos_token_id");
  if (found == table.end() || found->is_null()) {
    return;
  }
  const Json ids = found->is_array() ? *found : Json::array({*found});
  for (const Json& id : ids) {
    if (!id.is_number_integer()) {
      throw UsageError(
          "E-CONFIG",
          fmt::format("{}: eos_token_id is {}; a token id, a list of them or null is wanted",
                      where,
                      dump_json(*found).substr(0, 80)));
    }
    const bool exists =
        id >= 0 && id <= 0x7FFFFFFF && tokenizer.id_to_token(id.get<std::int32_t>()).has_value();
    if (exists) {
      stops.ids.insert(id.get<std::int32_t>());
    } else {
      stops.notices.push_back(
          fmt::format("{}: eos_token_id {} is no token and was ignored", where, dump_json(id)));
    }
  }
}

/// The special token after an assistant's words, if the template writes one.
std::optional<std::int32_t> turn_end(const text::Tokenizer& tokenizer,
                                     const text::ChatTemplate& chat_template,
                                     const PictureProcessor& processor) {
  const std::string words = "HEADROOMWORDS";
  const Conversation conversation{{"user", {Part::of_text("HEADROOMQUESTION")}},
                                  {"assistant", {Part::of_text(words)}}};
  text::TemplateVariables variables;
  variables.add_generation_prompt = false;
  variables.extra = tokenizer.special_tokens_map();
  std::string prompt;
  try {
    prompt = chat_template.render_messages(processor.messages(conversation), variables);
  } catch (const InputError&) {
    return std::nullopt;  // a template that takes no assistant's turn ends none
  }
  const auto at = prompt.rfind(words);
  if (at == std::string::npos) {
    return std::nullopt;
  }
  const auto ids = tokenizer.encode(prompt.substr(at + words.size()), false);
  if (ids.empty() || !tokenizer.decode({ids.front()}, true).empty()) {
    return std::nullopt;
  }
  return ids.front();
}

}  // namespace

StopTokens find_stop_tokens(const std::filesystem::path& folder,
                            const Json& config,
                            const text::Tokenizer& tokenizer,
                            const text::ChatTemplate& chat_template,
                            const PictureProcessor& processor) {
  StopTokens stops;
  const auto generation = folder / "generation_config.json";
  std::error_code ignored;
  if (std::filesystem::exists(generation, ignored)) {
    add_ids(engine::read_checkpoint_json(generation), generation.string(), tokenizer, stops);
  }
  const std::string where = (folder / "config.json").string();
  add_ids(config, where, tokenizer, stops);
  if (const auto inner = config.find("text_config"); inner != config.end() && inner->is_object()) {
    add_ids(*inner, where + ": text_config", tokenizer, stops);
  }
  if (tokenizer.eos_token()) {
    if (const auto id = tokenizer.token_to_id(*tokenizer.eos_token())) {
      stops.ids.insert(*id);
    }
  }
  if (const auto id = turn_end(tokenizer, chat_template, processor)) {
    stops.ids.insert(*id);
  }
  if (stops.ids.empty()) {
    stops.notices.push_back(fmt::format(
        "{}: nothing says which token ends an answer; each runs to its limit", folder.string()));
  }
  return stops;
}

}  // namespace headroom::models
