#include "group_window.h"

#include <algorithm>

namespace headroom::run {

std::optional<OpenGroup> GroupWindow::take() {
  fill(1);
  if (waiting_.empty()) {
    return std::nullopt;
  }
  OpenGroup group = std::move(waiting_.front().group);
  waiting_.pop_front();
  return group;
}

void GroupWindow::fill(std::size_t count) {
  while (waiting_.size() < count) {
    std::optional<OpenGroup> group = open_group(journal_, spec_, model_, from_);
    if (!group) {
      return;
    }
    from_ = group->no + 1;
    waiting_.push_back({std::move(*group), false});
  }
}

bool needs_earlier_answer(const worker::AskRequest& request) {
  return std::any_of(request.items.begin(), request.items.end(), [](const worker::AskItem& item) {
    return headroom::needs_earlier_answer(item.conversation);
  });
}

}  // namespace headroom::run
