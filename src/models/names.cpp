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

}  // namespace headroom::models
