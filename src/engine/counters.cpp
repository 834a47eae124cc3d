#include "engine/counters.h"

#include <algorithm>

#include "engine/guard.h"

namespace headroom::engine {

AllocatorCounters allocator_counters() {
  const Bytes active(mx::get_active_memory());
  return {active, Bytes(mx::get_cache_memory()), std::max(active, Bytes(mx::get_peak_memory()))};
}

void reset_peak() { mx::reset_peak_memory(); }

void clear_cache() {
  settle();
  mx::clear_cache();
}

void set_memory_limit(std::optional<Bytes> limit) {
  if (limit) {
    mx::set_memory_limit(static_cast<std::size_t>(limit->count()));
  }
}

std::optional<Bytes> default_cache_limit() {
  return on_gpu() ? std::nullopt : std::optional(4_MiB);
}

void set_cache_limit(std::optional<Bytes> limit) {
  limit = limit ? limit : default_cache_limit();
  if (limit) {
    mx::set_cache_limit(static_cast<std::size_t>(limit->count()));
    if (allocator_counters().cache > *limit) {
      clear_cache();  // MLX keeps what it has
    }
  }
}

}  // namespace headroom::engine
