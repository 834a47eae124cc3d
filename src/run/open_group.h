#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "run/journal.h"
#include "run/specification.h"
#include "worker/messages.h"

namespace headroom::run {

/// The open items of one group, ready to be asked.
struct OpenGroup {
  std::uint32_t no = 0;
  std::vector<ItemRecord> items;
  /// Of the items without a defect; limits not set yet, answers to earlier items not put in.
  worker::AskRequest request;
};

/// The first group from `from` on that a model's journal has open; empty: none.
std::optional<OpenGroup> open_group(const Journal& journal,
                                    const Specification& spec,
                                    std::uint32_t model,
                                    std::uint32_t from);

}  // namespace headroom::run
