#include "run/group_request.h"

#include <string>

namespace headroom::run {

worker::AskRequest group_request(std::uint32_t group,
                                 const std::vector<ItemRecord>& items,
                                 const Specification& spec) {
  worker::AskRequest request;
  request.group = std::to_string(group);
  request.max_image_side = spec.max_image_side;
  for (const ItemRecord& record : items) {
    const datasets::Item& item = record.item;
    if (!item.defect.empty()) {
      continue;
    }
    if (request.items.empty()) {
      for (const datasets::Picture& picture : item.pictures) {
        request.pictures.push_back({picture.path.string(), picture.bytes, picture.name});
      }
    }
    request.items.push_back(
        {item.id, item.conversation, spec.max_tokens, spec.top_log_probs, spec.keep_prompts});
  }
  return request;
}

}  // namespace headroom::run
