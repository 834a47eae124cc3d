#include "open_group.h"

#include <string>

namespace headroom::run {

std::optional<OpenGroup> open_group(const Journal& journal,
                                    const Specification& spec,
                                    std::uint32_t model,
                                    std::uint32_t from) {
  const std::optional<std::uint32_t> no = journal.next_open_group(model, from);
  if (!no) {
    return std::nullopt;
  }
  OpenGroup group;
  group.no = *no;
  group.items = journal.open_items(model, *no);
  group.request.group = std::to_string(*no);
  group.request.max_image_side = spec.max_image_side;
  for (const ItemRecord& record : group.items) {
    const datasets::Item& item = record.item;
    if (!item.defect.empty()) {
      continue;
    }
    if (group.request.items.empty()) {
      for (const datasets::Picture& picture : item.pictures) {
        group.request.pictures.push_back({picture.path.string(), picture.bytes, picture.name});
      }
    }
    group.request.items.push_back(
        {item.id, item.conversation, spec.max_tokens, spec.top_log_probs, spec.keep_prompts});
  }
  return group;
}

}  // namespace headroom::run
