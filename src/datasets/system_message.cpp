#include "datasets/system_message.h"

#include <utility>

namespace headroom::datasets {

namespace {

class SystemReader final : public DatasetReader {
 public:
  SystemReader(std::unique_ptr<DatasetReader> reader, std::string text)
      : reader_(std::move(reader)), text_(std::move(text)) {}

  std::optional<Item> next() override {
    std::optional<Item> item = reader_->next();
    if (item) {
      put_system(item->conversation, text_);
    }
    return item;
  }

  std::vector<std::string> notices() const override { return reader_->notices(); }

 private:
  std::unique_ptr<DatasetReader> reader_;
  std::string text_;
};

}  // namespace

void put_system(Conversation& conversation, const std::string& text) {
  if (text.empty() || conversation.empty()) {
    return;  // a row with a defect has nothing that is asked
  }
  if (conversation.front().role == "system") {
    std::vector<Part>& parts = conversation.front().parts;
    parts.insert(parts.begin(), Part::of_text(text + "\n\n"));
    return;
  }
  conversation.insert(conversation.begin(), Message{"system", {Part::of_text(text)}});
}

Dataset with_system(Dataset dataset, const std::string& text) {
  if (!text.empty()) {
    dataset.open = [open = std::move(dataset.open), text] {
      return std::make_unique<SystemReader>(open(), text);
    };
  }
  return dataset;
}

}  // namespace headroom::datasets
