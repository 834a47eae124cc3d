#include "names.h"

namespace headroom::models {

std::optional<std::string> renamed(
    const std::string& published,
    std::initializer_list<std::pair<std::string_view, std::string_view>> beginnings) {
  if (published.ends_with(".rotary_emb.inv_freq") || published.ends_with(".position_ids")) {
    return std::nullopt;
  }
  for (const auto& [from, to] : beginnings) {
    if (published.starts_with(from)) {
      return std::string(to) + published.substr(from.size());
    }
  }
  return published;
}

std::optional<std::string> transformers_name(const std::string& published) {
  const auto name = renamed(published,
                            {{"language_model.lm_head.", "lm_head."},
                             {"language_model.model.", "model.language_model."},
                             {"model.vision_tower.vision_model.", "model.vision_tower."},
                             {"vision_tower.vision_model.", "model.vision_tower."},
                             {"vision_tower.", "model.vision_tower."},
                             {"multi_modal_projector.", "model.multi_modal_projector."}});
  return name && name->starts_with("model.vision_tower.head.") ? std::nullopt : name;
}

}  // namespace headroom::models
