#include "models/prompt_places.h"

#include <fmt/format.h>

#include "base/errors.h"

namespace headroom::models {

std::string fill_places(std::string_view prompt,
                        std::string_view place,
                        const std::vector<std::string>& texts) {
  std::string text;
  std::size_t found = 0;
  std::size_t done = 0;
  for (std::size_t at = prompt.find(place); at != std::string_view::npos;
       at = prompt.find(place, done)) {
    text += prompt.substr(done, at - done);
    text += found < texts.size() ? texts[found] : "";
    ++found;
    done = at + place.size();
  }
  if (found != texts.size()) {
    throw InputError("E-PROMPT-IMAGES",
                     fmt::format("the prompt has {} places for pictures ({}) and the item {} "
                                 "pictures; make them equal",
                                 found,
                                 place,
                                 texts.size()));
  }
  text += prompt.substr(done);
  return text;
}

std::string repeat_image_tokens(std::string_view prompt,
                                std::string_view token,
                                const std::vector<std::uint32_t>& counts,
                                std::string_view before,
                                std::string_view behind) {
  std::vector<std::string> texts;
  for (const std::uint32_t count : counts) {
    std::string& text = texts.emplace_back(before);
    for (std::uint32_t i = 0; i < count; ++i) {
      text += token;
    }
    text += behind;
  }
  return fill_places(prompt, token, texts);
}

}  // namespace headroom::models
