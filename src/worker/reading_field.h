#pragma once

#include <string_view>

#include "base/json_fields.h"
#include "memory/reading.h"

namespace headroom::worker {

/// The reading under `key`; without any sensor when absent.
inline memory::Reading reading_at(const JsonFields& fields, std::string_view key) {
  const Json* const json = fields.find(key);
  return json == nullptr ? memory::Reading{} : memory::reading_from_json(*json);
}

}  // namespace headroom::worker
