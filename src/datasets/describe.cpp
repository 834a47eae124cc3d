#include "datasets/describe.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/errors.h"
#include "prompt.h"

namespace headroom::datasets {

namespace {

struct Described {
  PictureSet set;
  DescribeOptions options;
};

Item picture_item(const PictureEntry& entry, const std::string& prompt) {
  Item item;
  item.id = entry.id;
  item.arm = kDescribeArm;
  item.question = prompt;
  item.line = entry.line;
  item.defect = entry.defect;
  item.truth.references = entry.captions;
  item.truth.facts = entry.facts.items;
  if (entry.defect.empty()) {
    item.pictures.push_back(entry.picture);
    item.conversation = ask_about(1, prompt).conversation;
  }
  return item;
}

Item text_item(std::size_t number) {
  Item item;
  item.id = fmt::format("text-only-{}", number + 1);
  item.arm = kWithoutPictureArm;
  item.question = kTextOnlyPrompts.at(number);
  item.line = number + 1;
  item.conversation = ask_about(0, item.question).conversation;
  return item;
}

class DescribeReader final : public DatasetReader {
 public:
  explicit DescribeReader(std::shared_ptr<const Described> data) : data_(std::move(data)) {}

  std::optional<Item> next() override {
    const std::vector<PictureEntry>& entries = data_->set.entries;
    const std::size_t at = at_++;
    if (at < entries.size()) {
      return picture_item(entries[at], data_->options.prompt);
    }
    const std::size_t text = at - entries.size();
    if (data_->options.text_only && text < kTextOnlyPrompts.size()) {
      return text_item(text);
    }
    return std::nullopt;
  }

  std::vector<std::string> notices() const override { return all_notices(data_->set); }

 private:
  std::shared_ptr<const Described> data_;
  std::size_t at_ = 0;
};

}  // namespace

Dataset describe_dataset(PictureSet set, const DescribeOptions& options) {
  if (is_blank(options.prompt)) {
    throw UsageError("E-PROMPT", "--prompt: blank, so that nothing would be asked");
  }
  if (const Asked asked = ask_about(1, options.prompt); !asked.defect.empty()) {
    throw UsageError("E-PROMPT-IMAGES", fmt::format("--prompt: {}", asked.defect));
  }
  auto data = std::make_shared<Described>(Described{std::move(set), options});
  Dataset dataset;
  dataset.name = data->set.name;
  dataset.label = data->set.label;
  dataset.metric = "fact-recall";
  dataset.path = data->set.path;
  dataset.argument = data->set.argument;
  dataset.open = [data] { return std::make_unique<DescribeReader>(data); };
  return dataset;
}

}  // namespace headroom::datasets
