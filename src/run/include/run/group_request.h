#pragma once

#include <cstdint>
#include <vector>

#include "run/records.h"
#include "run/specification.h"
#include "worker/messages.h"

namespace headroom::run {

/// What asks the items of one group, those with a defect left out. Limits are not set.
worker::AskRequest group_request(std::uint32_t group,
                                 const std::vector<ItemRecord>& items,
                                 const Specification& spec);

}  // namespace headroom::run
