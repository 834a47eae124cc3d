#include "open_group.h"

#include "run/group_request.h"

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
  group.request = group_request(*no, group.items, spec);
  return group;
}

}  // namespace headroom::run
