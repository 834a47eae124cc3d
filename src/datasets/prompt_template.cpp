#include "datasets/prompt_template.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/errors.h"
#include "prompt.h"

namespace headroom::datasets {

namespace {

constexpr std::string_view kQuestion = "{question}";
constexpr std::string_view kOptions = "{options}";

/// In one pass: a question may have the words of a place in it.
std::string filled(std::string_view prompt, const Item& item) {
  const std::string options = option_lines(item.options);
  std::string question = item.question;
  if (!options.empty() && prompt.find(kOptions) == std::string_view::npos) {
    question += "\n" + options;
  }
  std::string text;
  while (!prompt.empty()) {
    if (prompt.starts_with(kQuestion)) {
      text += question;
      prompt.remove_prefix(kQuestion.size());
    } else if (prompt.starts_with(kOptions)) {
      text += options;
      prompt.remove_prefix(kOptions.size());
    } else {
      text += prompt.front();
      prompt.remove_prefix(1);
    }
  }
  return text;
}

class PromptReader final : public DatasetReader {
 public:
  PromptReader(std::unique_ptr<DatasetReader> reader, std::string prompt)
      : reader_(std::move(reader)), prompt_(std::move(prompt)) {}

  std::optional<Item> next() override {
    std::optional<Item> item = reader_->next();
    if (item && item->defect.empty()) {
      Asked asked = ask_about(item->pictures.size(), filled(prompt_, *item));
      item->conversation = std::move(asked.conversation);
      if (!asked.defect.empty()) {
        item->defect = fmt::format("id '{}', with --prompt: {}", item->id, asked.defect);
      }
    }
    return item;
  }

  std::vector<std::string> notices() const override { return reader_->notices(); }

 private:
  std::unique_ptr<DatasetReader> reader_;
  std::string prompt_;
};

/// A wrong number of places for every question is the prompt's fault, not the rows'.
void require_some_fit(const Dataset& dataset, const std::string& prompt) {
  if (count_places(prompt) == 0) {
    return;
  }
  std::string misfit;
  const std::unique_ptr<DatasetReader> reader = dataset.open();
  while (const std::optional<Item> item = reader->next()) {
    if (!item->defect.empty()) {
      continue;
    }
    const Asked asked = ask_about(item->pictures.size(), filled(prompt, *item));
    if (asked.defect.empty()) {
      return;
    }
    misfit = misfit.empty() ? asked.defect : misfit;
  }
  if (!misfit.empty()) {
    throw UsageError("E-PROMPT-IMAGES",
                     fmt::format("--prompt: it fits no question of the data: {}", misfit));
  }
}

}  // namespace

Dataset with_prompt(Dataset dataset, const std::string& prompt) {
  if (prompt.empty()) {
    return dataset;
  }
  if (prompt.find(kQuestion) == std::string::npos) {
    throw UsageError("E-PROMPT",
                     fmt::format("--prompt: {} is not in it, so every question would be asked in "
                                 "the same words: '{}'",
                                 kQuestion,
                                 prompt));
  }
  require_some_fit(dataset, prompt);
  dataset.open = [open = std::move(dataset.open), prompt] {
    return std::make_unique<PromptReader>(open(), prompt);
  };
  return dataset;
}

}  // namespace headroom::datasets
