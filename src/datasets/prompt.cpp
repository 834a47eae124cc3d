#include "prompt.h"

#include <fmt/format.h>

namespace headroom::datasets {

namespace {

constexpr std::string_view kPlace = "<image>";

std::string_view without_leading_blanks(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first == std::string_view::npos ? std::string_view() : text.substr(first);
}

std::vector<Part> parts_at_places(std::string_view text) {
  std::vector<Part> parts;
  std::size_t image = 0;
  bool only_pictures = true;
  const auto add_text = [&](std::string_view piece) {
    if (only_pictures && image > 0) {
      piece = without_leading_blanks(piece);
    }
    if (!piece.empty()) {
      parts.push_back(Part::of_text(std::string(piece)));
      only_pictures = false;
    }
  };
  for (auto at = text.find(kPlace); at != std::string_view::npos; at = text.find(kPlace)) {
    add_text(text.substr(0, at));
    parts.push_back(Part::of_image(image++));
    text.remove_prefix(at + kPlace.size());
  }
  add_text(text);
  return parts;
}

std::string_view plural(std::size_t count) { return count == 1 ? "" : "s"; }

}  // namespace

std::string short_answer_prompt(std::string_view question) {
  return fmt::format("{}\nAnswer the question using a single word or phrase.", question);
}

std::string option_lines(const std::vector<Option>& options) {
  std::string text;
  for (const auto& [letter, option] : options) {
    text += fmt::format("{}{}. {}", text.empty() ? "" : "\n", letter, option);
  }
  return text;
}

std::string options_prompt(std::string_view question, const std::vector<Option>& options) {
  return fmt::format("{}\n{}\nAnswer with the option's letter from the given choices directly.",
                     question,
                     option_lines(options));
}

std::size_t count_places(std::string_view text) {
  std::size_t count = 0;
  for (auto at = text.find(kPlace); at != std::string_view::npos;
       at = text.find(kPlace, at + kPlace.size())) {
    ++count;
  }
  return count;
}

bool is_blank(std::string_view text) { return without_leading_blanks(text).empty(); }

Asked ask_about(std::size_t pictures, std::string_view text) {
  const std::size_t places = count_places(text);
  if (places == 0) {
    std::vector<Part> parts;
    for (std::size_t i = 0; i < pictures; ++i) {
      parts.push_back(Part::of_image(i));
    }
    parts.push_back(Part::of_text(std::string(text)));
    return {{Message{"user", std::move(parts)}}, {}};
  }
  if (places != pictures) {
    return {{},
            fmt::format("the question has {} '<image>' place{} for {} picture{}; give as many "
                        "pictures as places, or take the places out",
                        places,
                        plural(places),
                        pictures,
                        plural(pictures))};
  }
  return {{Message{"user", parts_at_places(text)}}, {}};
}

}  // namespace headroom::datasets
